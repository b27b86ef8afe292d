// Go's net/http: answers with what it was asked, and says so on its output.
package main

import (
	"fmt"
	"io"
	"net/http"
	"os"
)

func main() {
	http.ListenAndServe("127.0.0.1:"+os.Args[1], http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		fmt.Printf("seen %s %s %d\n", r.Method, r.URL.RequestURI(), len(body))
		fmt.Fprintf(w, "%s %s", r.Method, r.URL.RequestURI())
	}))
}
