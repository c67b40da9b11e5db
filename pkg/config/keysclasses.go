package config

// guards say which clients a scope is for.
var guards = []rule{
	{name: "client-class", typ: tString, newer: "client-classes", note: "for clients of this class"},
	{name: "client-classes", typ: tStrings, note: "for clients of one of these classes; see `classify.md`"},
	{name: "require-client-classes", typ: tStrings, newer: "evaluate-additional-classes"},
	{name: "evaluate-additional-classes", typ: tStrings, note: "evaluated when the lease is chosen, in this order"},
}

var clientClass = with("client class", nil, optionData, classOptionDef, boot, classLifetimes, offerLifetime, []rule{
	{name: "name", typ: tName, need: true},
	{name: "test", typ: tString, note: "a condition; see `classify.md`"},
	{name: "template-test", typ: tString, note: "a value: the client is in SPAWN_name_value"},
	{name: "only-if-required", typ: tBool, def: "false", newer: "only-in-additional-list"},
	{name: "only-in-additional-list", typ: tBool, def: "false"},
})

var classOptionDef = []rule{{name: "option-def", typ: tMaps, in: v4, of: optionDef[0].of, note: "options 43 and 224 to 254, for the option-data of this class"}}

// classLifetimes go before those of the subnet, all three together.
var classLifetimes = []rule{
	seconds("valid-lifetime", "", ""),
	seconds("min-valid-lifetime", "", "as valid-lifetime when unset"),
	seconds("max-valid-lifetime", "", "as valid-lifetime when unset"),
	{name: "preferred-lifetime", typ: tInt, in: v6, max: maxU32},
	{name: "min-preferred-lifetime", typ: tInt, in: v6, max: maxU32},
	{name: "max-preferred-lifetime", typ: tInt, in: v6, max: maxU32},
}
