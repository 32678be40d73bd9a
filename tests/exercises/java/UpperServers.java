// The servers of `upper` and `upper-udp` as they are taught in Java, for one client each. Prints its port.
import java.io.BufferedReader;
import java.io.DataOutputStream;
import java.io.InputStreamReader;
import java.net.DatagramPacket;
import java.net.DatagramSocket;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;

class UpperServers {
    public static void main(String[] arguments) throws Exception {
        InetAddress local = InetAddress.getByName("127.0.0.1");
        if (arguments[0].equals("upper")) {
            ServerSocket welcome = new ServerSocket(0, 5, local);
            System.out.println(welcome.getLocalPort());
            Socket socket = welcome.accept();
            BufferedReader fromClient = new BufferedReader(new InputStreamReader(socket.getInputStream()));
            DataOutputStream toClient = new DataOutputStream(socket.getOutputStream());
            toClient.writeBytes(fromClient.readLine().toUpperCase() + '\n');
            socket.close();
        } else {
            DatagramSocket socket = new DatagramSocket(0, local);
            System.out.println(socket.getLocalPort());
            byte[] receiveData = new byte[1024];
            DatagramPacket received = new DatagramPacket(receiveData, receiveData.length);
            socket.receive(received);
            byte[] capitals = new String(received.getData()).toUpperCase().getBytes();
            socket.send(new DatagramPacket(capitals, capitals.length, received.getAddress(), received.getPort()));
        }
    }
}
