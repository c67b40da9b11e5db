package command

import (
	"context"
	"strings"
	"testing"
	"time"
)

// TestRunIsBounded: a program gets no environment of ours, ends with what it started
// when its time is over, and is not waited for when it has only left somebody behind.
func TestRunIsBounded(t *testing.T) {
	t.Setenv("SECRET", "ours")
	tests := []struct {
		name, text string
		fails      bool
		says       string
	}{
		{"environment", "/usr/bin/env | /usr/bin/grep -v -e ^PWD= -e ^_= -e ^SHLVL=", false, "A=b"},
		{"exit status", "echo no; exit 3", true, "no"},
		{"too long", "echo begun; /bin/sleep 60 & wait", true, "begun"},
		{"leaves somebody behind", "/bin/sleep 60 & echo $!", false, ""},
		{"says a lot", "/usr/bin/yes | /usr/bin/head -c 100000", false, "y y y"},
	}
	for _, tt := range tests {
		ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
		out := &Head{N: 100}
		c := New(ctx, []string{"A=b"}, "/bin/sh", "-c", tt.text)
		c.Stdout = out
		begin := time.Now()
		err := Run(c)
		if (err != nil) != tt.fails || !strings.HasPrefix(out.Line(), tt.says) || len(out.Text()) > 100 || time.Since(begin) > 5*time.Second {
			t.Errorf("%s: %v, %q", tt.name, err, out.Line())
		}
		cancel()
	}
}
