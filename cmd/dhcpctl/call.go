package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"time"
)

// maxAnswer is more than a daemon ever says.
const maxAnswer = 256 << 20

// call sends the command and reads the answer.
func (o *options) call(ctx context.Context) (*answer, error) {
	ask := o.overUnix
	if o.url != nil {
		ask = o.overHTTP
	}
	text, err := ask(ctx)
	if err != nil {
		return nil, err
	}
	return read(text)
}

func (o *options) overUnix(ctx context.Context) ([]byte, error) {
	var d net.Dialer
	c, err := d.DialContext(ctx, "unix", o.socket.Path)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	defer context.AfterFunc(ctx, func() { c.SetDeadline(time.Unix(1, 0)) })()
	if _, err := c.Write(o.request); err != nil {
		return nil, err
	}
	if err := c.(*net.UnixConn).CloseWrite(); err != nil {
		return nil, err
	}
	return limited(c)
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
	text, err := limited(r.Body)
	if r.StatusCode != http.StatusOK && err == nil {
		err = fmt.Errorf("%s says %s", o.url.Host, r.Status)
	}
	return text, err
}

func limited(r io.Reader) ([]byte, error) {
	b, err := io.ReadAll(io.LimitReader(r, maxAnswer+1))
	if len(b) > maxAnswer {
		return nil, errors.New("the answer does not end")
	}
	return b, err
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

// An answer is what a command came to.
type answer struct {
	text      []byte          // as it came
	Result    int             `json:"result"`
	Text      string          `json:"text"`
	Arguments json.RawMessage `json:"arguments"`
}

// read reads an answer, by HTTP a list of one.
func read(text []byte) (*answer, error) {
	text = bytes.TrimSpace(text)
	one := json.RawMessage(text)
	if len(text) > 0 && text[0] == '[' {
		var list []json.RawMessage
		if err := json.Unmarshal(text, &list); err != nil || len(list) != 1 {
			return nil, fmt.Errorf("this is no answer: %.200s", text)
		}
		one = list[0]
	}
	a := &answer{text: one, Result: -1}
	if err := json.Unmarshal(one, a); err != nil || a.Result < 0 {
		return nil, fmt.Errorf("this is no answer: %.200s", text)
	}
	return a, nil
}
