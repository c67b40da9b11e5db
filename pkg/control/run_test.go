package control

import (
	"context"
	"encoding/json"
	"reflect"
	"strings"
	"testing"
)

// same are requests to which kea-dhcp4 2.2.0 says the same as we do: TestKea asks
// it. answer is empty for a list of commands.
var same = []struct {
	name, request string
	answer        string
}{
	{"no such command", `{"command":"no-such"}`, `{"result":2,"text":"'no-such' command not supported."}`},
	{"names are case sensitive", `{"command":"LIST-COMMANDS"}`, `{"result":2,"text":"'LIST-COMMANDS' command not supported."}`},
	{"the empty name", `{"command":""}`, `{"result":2,"text":"'' command not supported."}`},
	{"a name with a quote", `{"command":"no\nsuch\"q"}`, `{"result":2,"text":"'no\nsuch\"q' command not supported."}`},

	{"blanks around it", " \n{ \"command\" : \"list-commands\" }\n", ""},
	{"arguments that nobody reads", `{"command":"list-commands","arguments":5}`, ""},
	{"no arguments", `{"command":"list-commands","arguments":null}`, ""},
	{"our service", `{"command":"list-commands","service":["dhcp4"]}`, ""},
	{"our service among others", `{"command":"list-commands","service":["dhcp6","dhcp4"]}`, ""},
	{"an empty service", `{"command":"list-commands","service":[]}`, ""},
	{"who has forwarded it", `{"command":"list-commands","remote-address":"192.0.2.1"}`, ""},
	{"escapes in a name", `{"command":"list\u002dcommands"}`, ""},
	{"the last of two counts", `{"command":"no-such","command":"list-commands"}`, ""},
	{"an empty key", `{"command":"list-commands","arguments":{"":1}}`, ""},

	{"comment of a line with #", "# }\n{\"command\": # {\n\"list-commands\"}", ""},
	{"comment of a line with //", "// }\n{\"command\": // {\n\"list-commands\"}", ""},
	{"comment in the middle", `/* } **/{"command": /*/ { */ "list-commands"}`, ""},
	{"a comment in a string is none", `{"command":"/* # //"}`, `{"result":2,"text":"'/* # //' command not supported."}`},
	{"comment behind it", `{"command":"list-commands"} # comment`, ""},

	{"zeros before a number", `{"command":"list-commands","arguments":{"a":01}}`, ""},
	{"a plus sign", `{"command":"list-commands","arguments":{"a":+1}}`, ""},
	{"a comma at the end of a list", `{"command":"list-commands","arguments":[1,]}`, ""},
	{"a float", `{"command":"list-commands","arguments":{"a":-1.5e3}}`, ""},
	{"the smallest integer", `{"command":"list-commands","arguments":{"a":-9223372036854775808}}`, ""},

	{"garbage", `garbage`, `{"result":1,"text":"invalid first character g"}`},
	{"a string", `"string"`, `{"result":1,"text":"invalid first character \""}`},
	{"a number", `5`, `{"result":1,"text":"invalid first character 5"}`},
	{"null", `null`, `{"result":1,"text":"invalid first character n"}`},
	{"a closing bracket", `]`, `{"result":1,"text":"invalid first character ]"}`},
	{"an include", `<?include "/etc/passwd"?>`, `{"result":1,"text":"invalid first character <"}`},
	{"half of a comment", `/x{"command":"x"}`, `{"result":1,"text":"invalid characters /x"}`},
	{"half of a comment within", `{"command":/x"x"}`, `{"result":1,"text":"invalid characters /x"}`},

	{"a list", `[{"command":"list-commands"}]`, `{"result":1,"text":"Error during command processing: Invalid command Element specified, expected map"}`},
	{"an empty map", `{}`, `{"result":1,"text":"Error during command processing: Invalid answer specified, does not contain mandatory 'command'"}`},
	{"no command", `{"arguments":{}}`, `{"result":1,"text":"Error during command processing: Invalid answer specified, does not contain mandatory 'command'"}`},
	{"a number for a command", `{"command":5}`, `{"result":1,"text":"Error during command processing: 'command' element in command message is not a string"}`},
	{"null for a command", `{"command":null}`, `{"result":1,"text":"Error during command processing: 'command' element in command message is not a string"}`},
	{"an unknown member", `{"command":"list-commands","foo":1}`, `{"result":1,"text":"Error during command processing: Received command contains unsupported parameter 'foo'"}`},
	{"an answer", `{"result":0,"command":"list-commands"}`, `{"result":1,"text":"Error during command processing: Received command contains unsupported parameter 'result'"}`},
	{"unknown before unsupported", `{"command":"x","service":["dhcp4"],"y":1}`, `{"result":1,"text":"Error during command processing: Received command contains unsupported parameter 'y'"}`},

	{"a comma at the end of a map", `{"command":"list-commands",}`, `{"result":1,"text":"String expected in <wire>:0:28"}`},
	{"a bare key", `{command:"x"}`, `{"result":1,"text":"String expected in <wire>:0:2"}`},
	{"columns count from the bracket", "\n\n  {5}", `{"result":1,"text":"String expected in <wire>:0:2"}`},
	{"columns in later lines", "{\n 5}", `{"result":1,"text":"String expected in <wire>:1:3"}`},
	{"columns behind a comment", "{ # c\n 5}", `{"result":1,"text":"String expected in <wire>:1:3"}`},
	{"a missing comma", `{"command":"list-commands" "x":1}`, `{"result":1,"text":"'\"' read, one of \",}\" expected in <wire>:0:28"}`},
	{"a missing comma in a list", `{ "a": [1 2]}`, `{"result":1,"text":"'2' read, one of \",]\" expected in <wire>:0:11"}`},
	{"a missing colon", `{"a" 1}`, `{"result":1,"text":"'1' read, one of \":\" expected in <wire>:0:6"}`},
	{"no value", `{"a":}`, `{"result":1,"text":"error: unexpected character } in <wire>:0:6"}`},
	{"two commas", "{ \"a\":\n\n [1,,]}", `{"result":1,"text":"error: unexpected character , in <wire>:2:6"}`},
	{"the wrong bracket", `{"a":{"b":1}]`, `{"result":1,"text":"']' read, one of \",}\" expected in <wire>:0:13"}`},
	{"half of null", `{ "a": nul}`, `{"result":1,"text":"Bad null value: nul in <wire>:0:7"}`},
	{"half of true", `{"command":"list-commands","arguments":{"a":tru}}`, `{"result":1,"text":"Bad boolean value: tru in <wire>:0:44"}`},
	{"another null", `{ "a": Null}`, `{"result":1,"text":"error: unexpected character N in <wire>:0:8"}`},
	{"not a number", `{"command":"x","arguments":{"a":NaN}}`, `{"result":1,"text":"error: unexpected character N in <wire>:0:33"}`},
	{"a letter behind a number", `{"a":1x}`, `{"result":1,"text":"'x' read, one of \",}\" expected in <wire>:0:7"}`},
	{"a large integer", `{"a":99999999999999999999}`, `{"result":1,"text":"Number overflow: 99999999999999999999 in <wire>:0:5"}`},
	{"a large float", `{"a":1e400}`, `{"result":1,"text":"Number overflow: 1e400 in <wire>:0:5"}`},
	{"a sign alone", `{"a":-}`, `{"result":1,"text":"Number overflow: - in <wire>:0:5"}`},
	{"two points", `{"a":1.5.5}`, `{"result":1,"text":"Number overflow: 1.5.5 in <wire>:0:5"}`},
	{"a bad escape", `{"command":"list-commands","arguments":{"a":"\x"}}`, `{"result":1,"text":"Bad escape in <wire>:0:46"}`},
	{"a short escape", `{"a":"\u12"}`, `{"result":1,"text":"Unsupported unicode escape in <wire>:0:8"}`},
}

func TestRunAsKea(t *testing.T) {
	r := &Registry{Service: "dhcp4"}
	for _, tt := range same {
		t.Run(tt.name, func(t *testing.T) {
			if tt.answer == "" {
				tt.answer = `{"result":0,"arguments":["list-commands"]}`
			}
			check(t, r.Run(t.Context(), []byte(tt.request)), tt.answer)
		})
	}
}

// TestRunApart holds what we say otherwise than kea-dhcp4 2.2.0, on purpose.
func TestRunApart(t *testing.T) {
	tests := []struct {
		name, request, answer string
		kea                   string
	}{
		{"another service", `{"command":"list-commands","service":["dhcp6"]}`, `{"result":2,"text":"this is dhcp4, the command is for the server type dhcp6"}`, "obeys"},
		{"a service that is no list", `{"command":"list-commands","service":"dhcp4"}`, `{"result":1,"text":"service value must be a list"}`, "obeys; kea-ctrl-agent says this"},
		{"null for a service", `{"command":"list-commands","service":null}`, `{"result":1,"text":"service value must be a list"}`, "obeys"},
		{"a service that is a number", `{"command":"list-commands","service":[5]}`, `{"result":1,"text":"service value must be a list of strings"}`, "obeys"},
		{"two commands", `{"command":"list-commands"}{"command":"x"}`, `{"result":1,"text":"there is more after the end of the command"}`, "obeys the first"},
		{"a bracket too many", `{"command":"list-commands"}}`, `{"result":1,"text":"there is more after the end of the command"}`, "obeys"},
		{"nothing", ``, `{"result":1,"text":"Command processing failed: NULL command parameter"}`, "waits; kea-ctrl-agent says this"},
		{"only a comment", "# {}\n", `{"result":1,"text":"Command processing failed: NULL command parameter"}`, "waits"},
		{"half of a command", `{"command":`, `{"result":1,"text":"the command ends too early"}`, "waits"},
		{"half of a comment behind it", `{"command":"list-commands"} /*`, `{"result":1,"text":"the command ends too early"}`, "obeys"},
		{"the wrong bracket early on", `{"a":[1,2,}}`, `{"result":1,"text":"error: unexpected character } in <wire>:0:11"}`, "waits for one more"},
		{"a bare control character", "{\"a\":\"\t\"}", `{"result":1,"text":"Control character 0x09 in a string in <wire>:0:7"}`, "takes it"},
		{"no digit before the point", `{"a":.5}`, `{"result":1,"text":"Bad number: .5 in <wire>:0:5"}`, "takes it"},
		{"no digit behind the point", `{"a":1.}`, `{"result":1,"text":"Bad number: 1. in <wire>:0:5"}`, "takes it"},
		{"all of Unicode", `{"command":"\u20ac"}`, `{"result":2,"text":"'€' command not supported."}`, "Unsupported unicode escape"},
		{"UTF-8", `{"command":"€"}`, `{"result":2,"text":"'€' command not supported."}`, "takes it for Latin-1"},
		{"not UTF-8", "{\"command\":\"\xff\"}", "{\"result\":2,\"text\":\"'\ufffd' command not supported.\"}", "takes it for Latin-1"},
		{"100 deep", `{"command":"x","arguments":` + strings.Repeat("[", 99) + strings.Repeat("]", 99) + `}`, `{"result":2,"text":"'x' command not supported."}`, "takes 10,000"},
		{"101 deep", `{"command":"x","arguments":` + strings.Repeat("[", 100) + strings.Repeat("]", 100) + `}`, `{"result":1,"text":"lists and maps are nested more than 100 deep"}`, "dies of 100,000"},
	}
	r := &Registry{Service: "dhcp4"}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			check(t, r.Run(t.Context(), []byte(tt.request)), tt.answer)
		})
	}
}

// check compares two answers as JSON.
func check(t *testing.T, got []byte, want string) {
	t.Helper()
	var g, w any
	if err := json.Unmarshal(got, &g); err != nil {
		t.Fatalf("%s: %v", got, err)
	}
	if err := json.Unmarshal([]byte(want), &w); err != nil {
		t.Fatalf("%s: %v", want, err)
	}
	if !reflect.DeepEqual(g, w) {
		t.Errorf("answer %s, want %s", got, want)
	}
}

// TestHandler holds what a Handler is given, and what its answer becomes.
func TestHandler(t *testing.T) {
	r := &Registry{}
	r.Handle("echo", func(_ context.Context, args json.RawMessage) Result {
		if args == nil {
			return Result{Code: Empty, Text: "nothing"}
		}
		return Result{Arguments: args}
	})
	r.Handle("odd", func(context.Context, json.RawMessage) Result {
		return Result{Text: "a\u2028b\u2029c\xffd<&>\\u2028 \\\u2028"}
	})
	r.Handle("deaf", func(context.Context, json.RawMessage) Result { return Result{Arguments: make(chan int)} })
	r.Handle("fault", func(context.Context, json.RawMessage) Result { panic("a bug") })
	tests := []struct{ name, request, answer string }{
		{"no arguments", `{"command":"echo"}`, `{"result":3,"text":"nothing"}`},
		{"arguments without comments", "{\"command\":\"echo\",\"arguments\": {\"a\": [ +007, -08, // {\n \"#\",] /**/ } }", `{"result":0,"arguments":{"a":[7,-8,"#"]}}`},
		{"any service will do", `{"command":"echo","service":["x"]}`, `{"result":3,"text":"nothing"}`},
		{"no JSON of the answer", `{"command":"deaf"}`, `{"result":1,"text":"the answer cannot be written as JSON: json: unsupported type: chan int"}`},
		{"a panic is an answer", `{"command":"fault"}`, `{"result":1,"text":"internal error in fault"}`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			check(t, r.Run(t.Context(), []byte(tt.request)), tt.answer)
		})
	}
	got := string(r.Run(t.Context(), []byte(`{"command":"odd"}`)))
	if want := "{\"result\":0,\"text\":\"a\u2028b\u2029c\ufffdd<&>\\\\u2028 \\\\\u2028\"}"; got != want {
		t.Errorf("Kea cannot read %s, want %s", got, want)
	}
}

func TestHandleTwicePanics(t *testing.T) {
	for _, name := range []string{"a", "list-commands"} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s can be registered twice", name)
				}
			}()
			r := &Registry{}
			r.Handle(name, r.list)
			r.Handle(name, r.list)
		}()
	}
}

// FuzzRun: an answer is always JSON with a result, and a command that is run is
// one that encoding/json reads too.
func FuzzRun(f *testing.F) {
	for _, tt := range same {
		f.Add([]byte(tt.request))
	}
	r := &Registry{Service: "dhcp4"}
	r.Handle("x", func(_ context.Context, args json.RawMessage) Result {
		if args != nil && !json.Valid(args) {
			panic("not JSON: " + string(args))
		}
		return Result{Arguments: args}
	})
	f.Fuzz(func(t *testing.T, request []byte) {
		out := r.Run(context.Background(), request)
		var res struct{ Result *int }
		if err := json.Unmarshal(out, &res); err != nil || res.Result == nil {
			t.Fatalf("%q: answer %q: %v", request, out, err)
		}
		if strings.Contains(string(out), "internal error") {
			t.Fatalf("%q: answer %q", request, out)
		}
	})
}
