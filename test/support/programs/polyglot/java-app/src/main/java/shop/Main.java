package shop;

import com.sun.net.httpserver.HttpServer;
import java.net.InetSocketAddress;

public final class Main {
  public static void main(String[] args) throws Exception {
    var address = new InetSocketAddress(System.getenv("HOST"), Integer.parseInt(System.getenv("PORT")));
    var server = HttpServer.create(address, 0);
    server.createContext("/java-app", exchange -> {
      var body = "{\"language\":\"java\"}".getBytes();
      exchange.getResponseHeaders().set("Content-Type", "application/json");
      exchange.sendResponseHeaders(200, body.length);
      try (var out = exchange.getResponseBody()) {
        out.write(body);
      }
    });
    server.start();
  }
}
