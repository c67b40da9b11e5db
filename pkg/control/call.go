package control

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"time"
)

// maxAnswer is more than a daemon ever says.
const maxAnswer = 256 << 20

// Call sends one request to the UNIX socket at path and returns the answer as it
// came. It ends with ctx.
func Call(ctx context.Context, path string, request []byte) ([]byte, error) {
	var d net.Dialer
	c, err := d.DialContext(ctx, "unix", path)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	defer context.AfterFunc(ctx, func() { c.SetDeadline(time.Unix(1, 0)) })()
	if _, err := c.Write(request); err != nil {
		return nil, err
	}
	if err := c.(*net.UnixConn).CloseWrite(); err != nil {
		return nil, err
	}
	return ReadAnswer(c)
}

// ReadAnswer reads to the end of an answer.
func ReadAnswer(r io.Reader) ([]byte, error) {
	b, err := io.ReadAll(io.LimitReader(r, maxAnswer+1))
	if len(b) > maxAnswer {
		return nil, errors.New("the answer does not end")
	}
	return b, err
}

// An Answer is what a command came to, as its caller reads it.
type Answer struct {
	Raw       []byte          `json:"-"` // as it came, alone
	Result    int             `json:"result"`
	Text      string          `json:"text"`
	Arguments json.RawMessage `json:"arguments"`
}

// ParseAnswer reads an answer, by HTTP a list of one.
func ParseAnswer(text []byte) (*Answer, error) {
	text = bytes.TrimSpace(text)
	one := json.RawMessage(text)
	if len(text) > 0 && text[0] == '[' {
		var list []json.RawMessage
		if err := json.Unmarshal(text, &list); err != nil || len(list) != 1 {
			return nil, fmt.Errorf("this is no answer: %.200s", text)
		}
		one = list[0]
	}
	a := &Answer{Raw: one, Result: -1}
	if err := json.Unmarshal(one, a); err != nil || a.Result < 0 {
		return nil, fmt.Errorf("this is no answer: %.200s", text)
	}
	return a, nil
}
