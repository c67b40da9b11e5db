package control

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"
	"path/filepath"
)

// A seal is the TLS of a socket. Two with equal sums are the same.
type seal struct {
	config *tls.Config
	sum    [sha256.Size]byte
}

// newSeal reads the files that a https socket names; nil for http.
func newSeal(s Socket) (*seal, error) {
	if s.Type != HTTPS {
		return nil, nil
	}
	cert, err := os.ReadFile(s.CertFile)
	if err != nil {
		return nil, fmt.Errorf("cert-file: %w", err)
	}
	key, err := os.ReadFile(s.KeyFile)
	if err != nil {
		return nil, fmt.Errorf("key-file: %w", err)
	}
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		return nil, fmt.Errorf("cert-file and key-file: %w", err)
	}
	anchors, err := readAnchors(s.TrustAnchor)
	if err != nil {
		return nil, fmt.Errorf("trust-anchor: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(anchors) {
		return nil, fmt.Errorf("trust-anchor: there is no certificate in %s", s.TrustAnchor)
	}
	auth := tls.RequireAndVerifyClientCert
	if s.AnyClient {
		auth = tls.VerifyClientCertIfGiven
	}
	sum := sha256.New()
	for _, part := range [][]byte{cert, key, anchors, {byte(auth)}} {
		one := sha256.Sum256(part)
		sum.Write(one[:])
	}
	out := &seal{config: &tls.Config{
		Certificates: []tls.Certificate{pair},
		ClientCAs:    pool,
		ClientAuth:   auth,
		MinVersion:   tls.VersionTLS12,
		NextProtos:   []string{"http/1.1"},
	}}
	sum.Sum(out.sum[:0])
	return out, nil
}

// readAnchors reads a file of certificates, or all files of a folder.
func readAnchors(path string) ([]byte, error) {
	fi, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !fi.IsDir() {
		return os.ReadFile(path)
	}
	entries, err := os.ReadDir(path)
	if err != nil {
		return nil, err
	}
	var all []byte
	for _, e := range entries {
		file := filepath.Join(path, e.Name())
		if fi, err := os.Stat(file); err != nil || !fi.Mode().IsRegular() {
			continue
		}
		b, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		all = append(append(all, b...), '\n')
	}
	return all, nil
}

func (s *seal) equal(o *seal) bool {
	if s == nil || o == nil {
		return s == o
	}
	return s.sum == o.sum
}
