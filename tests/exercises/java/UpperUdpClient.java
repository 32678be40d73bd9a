// The client of `upper-udp` as it is taught in Java: host and port, a line from the keyboard. Sends its whole buffer.
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.net.DatagramPacket;
import java.net.DatagramSocket;
import java.net.InetAddress;

class UpperUdpClient {
    public static void main(String[] arguments) throws Exception {
        BufferedReader fromUser = new BufferedReader(new InputStreamReader(System.in));
        DatagramSocket socket = new DatagramSocket();
        InetAddress address = InetAddress.getByName(arguments[0]);
        byte[] sendData = new byte[1024];
        byte[] receiveData = new byte[1024];
        byte[] sentence = fromUser.readLine().getBytes();
        System.arraycopy(sentence, 0, sendData, 0, sentence.length);
        socket.send(new DatagramPacket(sendData, sendData.length, address, Integer.parseInt(arguments[1])));
        DatagramPacket received = new DatagramPacket(receiveData, receiveData.length);
        socket.receive(received);
        System.out.println(received.getLength() + " bytes");
        System.out.println("FROM SERVER:" + new String(received.getData()));
        socket.close();
    }
}
