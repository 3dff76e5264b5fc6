// A registry with the referrers API for tests: go-containerregistry's pkg/registry, with TLS, basic and token
// authentication around it. It prints the address it listens on.
package main

import (
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"

	"github.com/google/go-containerregistry/pkg/registry"
)

var (
	listen  = flag.String("listen", "127.0.0.1:0", "address")
	folder  = flag.String("folder", "", "keep blobs here and not in memory")
	cert    = flag.String("cert", "", "TLS certificate")
	key     = flag.String("key", "", "TLS key")
	basic   = flag.String("basic", "", "user:password")
	realm   = flag.String("realm", "", "address of the token server")
	service = flag.String("service", "", "our name at the token server")
	issuer  = flag.String("issuer", "", "certificate of the token server (RSA)")
)

func main() {
	flag.Parse()
	options := []registry.Option{registry.WithReferrersSupport(true), registry.Logger(log.New(io.Discard, "", 0))}
	if *folder != "" {
		options = append(options, registry.WithBlobHandler(registry.NewDiskBlobHandler(*folder)))
	}
	handler := registry.New(options...)
	if *basic != "" {
		handler = requireBasic(handler)
	}
	if *realm != "" {
		handler = requireToken(handler, issuerKey())
	}
	listener, err := net.Listen("tcp", *listen)
	check(err)
	fmt.Printf("listening on %s\n", listener.Addr())
	if *cert != "" {
		check(http.ServeTLS(listener, handler, *cert, *key))
	}
	check(http.Serve(listener, handler))
}

func requireBasic(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user, password, _ := r.BasicAuth()
		if user+":"+password != *basic {
			refuse(w, `Basic realm="test"`)
			return
		}
		next.ServeHTTP(w, r)
	})
}

func requireToken(next http.Handler, public *rsa.PublicKey) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		challenge := fmt.Sprintf(`Bearer realm=%q,service=%q`, *realm, *service)
		repository, action := accessOf(r)
		if repository != "" {
			challenge += fmt.Sprintf(`,scope="repository:%s:%s"`, repository, action)
		}
		if !allows(strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer "), public, repository, action) {
			refuse(w, challenge)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// accessOf says which repository a path names and what the method does to it.
func accessOf(r *http.Request) (repository, action string) {
	path := strings.TrimPrefix(r.URL.Path, "/v2/")
	for _, part := range []string{"/blobs/", "/manifests/", "/tags/", "/referrers/"} {
		if at := strings.Index(path, part); at > 0 {
			repository = path[:at]
		}
	}
	if r.Method == http.MethodGet || r.Method == http.MethodHead {
		return repository, "pull"
	}
	return repository, "pull,push"
}

// allows checks an RS256 token as RFC 7519 and the distribution token specification have it.
func allows(token string, public *rsa.PublicKey, repository, actions string) bool {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return false
	}
	signature, err := base64.RawURLEncoding.DecodeString(parts[2])
	sum := sha256.Sum256([]byte(parts[0] + "." + parts[1]))
	if err != nil || rsa.VerifyPKCS1v15(public, crypto.SHA256, sum[:], signature) != nil {
		return false
	}
	var claims struct {
		Aud    string
		Access []struct {
			Name    string
			Actions []string
		}
	}
	body, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil || json.Unmarshal(body, &claims) != nil || claims.Aud != *service {
		return false
	}
	if repository == "" {
		return true
	}
	for _, action := range strings.Split(actions, ",") {
		granted := false
		for _, access := range claims.Access {
			granted = granted || access.Name == repository && slices.Contains(access.Actions, action)
		}
		if !granted {
			return false
		}
	}
	return true
}

func issuerKey() *rsa.PublicKey {
	text, err := os.ReadFile(*issuer)
	check(err)
	block, _ := pem.Decode(text)
	parsed, err := x509.ParseCertificate(block.Bytes)
	check(err)
	return parsed.PublicKey.(*rsa.PublicKey)
}

func refuse(w http.ResponseWriter, challenge string) {
	w.Header().Set("WWW-Authenticate", challenge)
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusUnauthorized)
	fmt.Fprint(w, `{"errors":[{"code":"UNAUTHORIZED","message":"authentication required"}]}`)
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
