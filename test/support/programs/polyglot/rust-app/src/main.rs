use std::env::var;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;

fn main() {
    let address = format!("{}:{}", var("HOST").unwrap(), var("PORT").unwrap());
    for stream in TcpListener::bind(address).unwrap().incoming() {
        let Ok(mut stream) = stream else { continue };
        std::thread::spawn(move || {
            let head = BufReader::new(&stream).lines().map_while(Result::ok);
            if head.take_while(|line| !line.is_empty()).count() == 0 {
                return;
            }
            let body = r#"{"language":"rust"}"#;
            let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close";
            let _ = write!(stream, "{head}\r\ncontent-length: {}\r\n\r\n{body}", body.len());
        });
    }
}
