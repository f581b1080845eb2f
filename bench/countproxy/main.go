// Command countproxy stands in front of an emulator of AWS and counts the calls by their X-Amz-Target
// ("DynamoDB_20120810.GetItem" counts as "GetItem"). It prints "listening on HOST:PORT" once it is ready.
//
//	GET /__count  {"operations": {"GetItem": 2, ...}}    POST /__reset
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"log"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
)

func main() {
	listen := flag.String("listen", "127.0.0.1:0", "address; port 0 takes a free one")
	to := flag.String("to", "", "address of the emulator")
	flag.Parse()
	target, err := url.Parse(*to)
	if err != nil || target.Host == "" {
		log.Fatal("countproxy: -to must be the emulator's address")
	}
	listener, err := net.Listen("tcp", *listen)
	if err != nil {
		log.Fatal(err)
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConnsPerHost = 256
	forward := &httputil.ReverseProxy{Transport: transport, Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(target)
		r.Out.Host = r.In.Host
	}}
	fmt.Println("listening on", listener.Addr())
	log.Fatal(http.Serve(listener, counted(forward)))
}

func counted(next http.Handler) http.Handler {
	var mu sync.Mutex
	operations := map[string]int64{}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/__count":
			mu.Lock()
			defer mu.Unlock()
			json.NewEncoder(w).Encode(map[string]any{"operations": operations})
			return
		case "/__reset":
			mu.Lock()
			defer mu.Unlock()
			operations = map[string]int64{}
			return
		}
		next.ServeHTTP(w, r)
		_, name, named := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
		if !named {
			name = r.Method + " " + r.URL.Path
		}
		mu.Lock()
		defer mu.Unlock()
		operations[name]++
	})
}
