import com.sun.net.httpserver.HttpServer;
import java.net.InetSocketAddress;
import java.util.concurrent.Executors;

/** The JDK's HttpServer: answers with what it was asked, and says so on its output. */
class Server {
    public static void main(String[] arguments) throws Exception {
        var server = HttpServer.create(new InetSocketAddress("127.0.0.1", Integer.parseInt(arguments[0])), 0);
        server.setExecutor(Executors.newCachedThreadPool());
        server.createContext("/", exchange -> {
            var body = exchange.getRequestBody().readAllBytes();
            var asked = exchange.getRequestMethod() + " " + exchange.getRequestURI();
            System.out.println("seen " + asked + " " + body.length);
            var answer = asked.getBytes();
            exchange.sendResponseHeaders(200, exchange.getRequestMethod().equals("HEAD") ? -1 : answer.length);
            try (var out = exchange.getResponseBody()) {
                if (!exchange.getRequestMethod().equals("HEAD")) out.write(answer);
            }
        });
        server.start();
    }
}
