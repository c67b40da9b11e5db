package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/http"
	"os"

	"github.com/dhcp4o6/dhcp4o6/pkg/control"
)

// call sends the command and reads the answer.
func (o *options) call(ctx context.Context) (*control.Answer, error) {
	ask := o.overUnix
	if o.url != nil {
		ask = o.overHTTP
	}
	text, err := ask(ctx)
	if err != nil {
		return nil, err
	}
	return control.ParseAnswer(text)
}

func (o *options) overUnix(ctx context.Context) ([]byte, error) {
	return control.Call(ctx, o.socket.Path, o.request)
}

func (o *options) overHTTP(ctx context.Context) ([]byte, error) {
	config, err := o.tls.config()
	if err != nil {
		return nil, err
	}
	q, err := http.NewRequestWithContext(ctx, http.MethodPost, o.url.String(), bytes.NewReader(o.request))
	if err != nil {
		return nil, err
	}
	q.Header.Set("Content-Type", "application/json")
	if o.user != "" {
		q.SetBasicAuth(o.user, o.secret)
	}
	t := &http.Transport{TLSClientConfig: config, DisableKeepAlives: true}
	r, err := t.RoundTrip(q) // no redirects: they would lead the password elsewhere
	if err != nil {
		return nil, err
	}
	defer r.Body.Close()
	text, err := control.ReadAnswer(r.Body)
	if r.StatusCode != http.StatusOK && err == nil {
		err = fmt.Errorf("%s says %s", o.url.Host, r.Status)
	}
	return text, err
}

// config is how to know the daemon, and be known.
func (f tlsFiles) config() (*tls.Config, error) {
	c := &tls.Config{MinVersion: tls.VersionTLS12}
	if f.ca != "" {
		pem, err := os.ReadFile(f.ca)
		if err != nil {
			return nil, err
		}
		c.RootCAs = x509.NewCertPool()
		if !c.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("%s holds no certificate", f.ca)
		}
	}
	if f.cert != "" || f.key != "" {
		pair, err := tls.LoadX509KeyPair(f.cert, f.key)
		if err != nil {
			return nil, err
		}
		c.Certificates = []tls.Certificate{pair}
	}
	return c, nil
}
