// The client of `upper` as it is taught in Java: host and port, a line from the keyboard.
import java.io.BufferedReader;
import java.io.DataOutputStream;
import java.io.InputStreamReader;
import java.net.Socket;

class UpperClient {
    public static void main(String[] arguments) throws Exception {
        BufferedReader fromUser = new BufferedReader(new InputStreamReader(System.in));
        Socket socket = new Socket(arguments[0], Integer.parseInt(arguments[1]));
        DataOutputStream toServer = new DataOutputStream(socket.getOutputStream());
        BufferedReader fromServer = new BufferedReader(new InputStreamReader(socket.getInputStream()));
        String sentence = fromUser.readLine();
        toServer.writeBytes(sentence + '\n');
        System.out.println("FROM SERVER: " + fromServer.readLine());
        socket.close();
    }
}
