// A client of `chat` as it is taught in Java: a thread prints what comes, the main one sends what is typed.
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.OutputStreamWriter;
import java.io.PrintWriter;
import java.net.Socket;
import java.nio.charset.StandardCharsets;

class ChatClient {
    public static void main(String[] arguments) throws Exception {
        Socket socket = new Socket(arguments[0], Integer.parseInt(arguments[1]));
        BufferedReader fromServer =
                new BufferedReader(new InputStreamReader(socket.getInputStream(), StandardCharsets.UTF_8));
        PrintWriter toServer =
                new PrintWriter(new OutputStreamWriter(socket.getOutputStream(), StandardCharsets.UTF_8), true);
        Thread listener = new Thread(() -> {
            try {
                String line;
                while ((line = fromServer.readLine()) != null) {
                    System.out.println(line);
                }
            } catch (IOException closed) {
                System.out.println("connection lost");
            }
        });
        listener.start();
        BufferedReader fromUser = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        String typed;
        while ((typed = fromUser.readLine()) != null) {
            toServer.println(typed);
        }
        socket.shutdownOutput();
        listener.join();
        socket.close();
    }
}
