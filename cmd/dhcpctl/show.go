package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"unicode"

	"github.com/dhcp4o6/dhcp4o6/pkg/control"
)

// show prints an answer and returns the exit code. What failed goes to errs.
func show(a *control.Answer, raw bool, out, errs io.Writer) int {
	code := a.Result
	if code > 5 {
		code = 1
	}
	if raw {
		var b bytes.Buffer
		if json.Compact(&b, a.Raw) == nil {
			fmt.Fprintln(out, b.String())
		}
		return code
	}
	if a.Text != "" {
		w := out
		if code != 0 {
			w = errs
		}
		fmt.Fprintln(w, printable(a.Text))
	}
	if len(a.Arguments) > 0 {
		fmt.Fprintln(out, readable(a.Arguments))
	}
	return code
}

// printable takes out what would steer a terminal; lines stay lines.
func printable(s string) string {
	return string(bytes.Map(func(r rune) rune {
		if unicode.IsControl(r) && r != '\n' && r != '\t' {
			return unicode.ReplacementChar
		}
		return r
	}, []byte(s)))
}

// readable lays arguments out for the eye: names one a line, all else as indented
// JSON.
func readable(args json.RawMessage) string {
	var names []string
	if json.Unmarshal(args, &names) == nil && len(names) > 0 {
		var b bytes.Buffer
		for i, n := range names {
			if i > 0 {
				b.WriteByte('\n')
			}
			b.WriteString(printable(n))
		}
		return b.String()
	}
	var b bytes.Buffer
	if json.Indent(&b, args, "", "  ") != nil {
		return string(args)
	}
	return b.String()
}
