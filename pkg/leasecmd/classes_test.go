package leasecmd_test

import (
	"testing"

	"github.com/dhcp4o6/dhcp4o6/pkg/topology"
)

// Client classes come, change and go by command.
func TestClasses(t *testing.T) {
	d := newDesk(t, topology.V4, floors4)
	d.run(t, []exchange{
		{"class-list", ``, `{"result":3,"text":"0 classes found","arguments":{"client-classes":[]}}`},
		{"class-add", `{"client-classes":[{"name":"phones","test":"option[60].text == 'phone'","next-server":"192.0.2.9"}]}`, says("0", "Class 'phones' added")},
		{"class-add", `{"client-classes":[{"name":"desks","test":"member('phones')"}]}`, says("0", "Class 'desks' added")},
		{"class-add", `{"client-classes":[{"name":"desks"}]}`, says("1", "Client Class: desks has already been defined")},
		{"class-add", `{"client-classes":[{"name":"x","tset":"true"}]}`, says("1", "client-classes[2].tset: is not a key of client class; did you mean 'test'?")},
		{"class-add", ``, says("1", "invalid command 'class-add': no arguments specified")},
		{"class-add", `[]`, says("1", "invalid command 'class-add': expected 'arguments' to be a map, got list instead")},
		{"class-add", `{}`, says("1", "invalid command 'class-add': 'arguments' is empty")},
		{"class-add", `{"x":1,"y":2}`, says("1", "invalid number of arguments 2 for the 'class-add' command. Expecting 'client-classes' list")},
		{"class-add", `{"x":1}`, says("1", "missing 'client-classes' argument for the 'class-add' command")},
		{"class-add", `{"client-classes":1}`, says("1", "'client-classes' argument specified for the 'class-add' command is not a list")},
		{"class-add", `{"client-classes":[]}`, says("1", "invalid number of classes specified for the 'class-add' command. Expected one class")},
		{"class-add", `{"client-classes":[1]}`, says("1", "invalid class definition specified for the 'class-add' command. Expected a map")},
		{"class-add", `{"client-classes":[{}]}`, says("1", "missing parameter 'name'")},
		{"class-list", ``, `{"result":0,"text":"2 classes found","arguments":{"client-classes":[{"name":"phones"},{"name":"desks"}]}}`},
		{"class-get", `{"name":"phones"}`, `{"result":0,"text":"Class 'phones' definition returned","arguments":{"client-classes":[
			{"boot-file-name":"","name":"phones","next-server":"192.0.2.9","option-data":[],"option-def":[],"server-hostname":"","test":"option[60].text == 'phone'"}]}}`},
		{"class-get", `{"name":"x"}`, says("3", "Class 'x' not found")},
		{"class-get", `{"name":1}`, says("1", "'name' argument specified for the 'class-get' command is not a string")},
		{"class-update", `{"client-classes":[{"name":"phones","test":"option[60].text == 'tel'"}]}`, says("0", "Class 'phones' updated")},
		{"class-update", `{"client-classes":[{"name":"x"}]}`, says("3", "Class 'x' is not found")},
		{"class-get", `{"name":"phones"}`, `{"result":0,"text":"Class 'phones' definition returned","arguments":{"client-classes":[
			{"boot-file-name":"","name":"phones","next-server":"0.0.0.0","option-data":[],"option-def":[],"server-hostname":"","test":"option[60].text == 'tel'"}]}}`},
		{"class-del", `{"name":"phones"}`, says("1", "Class 'phones' is used by class 'desks'")},
		{"class-update", `{"client-classes":[{"name":"phones","test":"member('KNOWN')"}]}`, says("1", "modification of the class 'phones' would affect its dependency on the "+
			"KNOWN and/or UNKNOWN built-in classes. Such modification is not allowed because there may be other classes depending on those built-ins via the updated class")},
		{"class-update", `{"client-classes":[{"name":"phones","test":"option[60].tex == 'tel'"}]}`, says("1", `client-classes[0].test: 'tex' is no word of the language\n`+
			`client-classes[1].test: class 'phones' is not defined ahead of this one`)},
		{"class-del", `{"name":"desks"}`, says("0", "Class 'desks' deleted")},
		{"class-del", `{"name":"phones"}`, says("0", "Class 'phones' deleted")},
		{"class-del", `{"name":"phones"}`, says("3", "Class 'phones' not found")},
	})
}
