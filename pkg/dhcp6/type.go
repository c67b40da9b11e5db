package dhcp6

import "strconv"

// MessageType is the msg-type field (RFC 9915 §7.3).
type MessageType uint8

// The message types: RFC 9915 §7.3, RFC 5007, RFC 5460, RFC 6977, RFC 7341,
// RFC 7653, RFC 8156 and RFC 9686.
const (
	Solicit            MessageType = 1
	Advertise          MessageType = 2
	Request            MessageType = 3
	Confirm            MessageType = 4
	Renew              MessageType = 5
	Rebind             MessageType = 6
	Reply              MessageType = 7
	Release            MessageType = 8
	Decline            MessageType = 9
	Reconfigure        MessageType = 10
	InformationRequest MessageType = 11
	RelayForw          MessageType = 12
	RelayRepl          MessageType = 13
	LeaseQuery         MessageType = 14
	LeaseQueryReply    MessageType = 15
	LeaseQueryDone     MessageType = 16
	LeaseQueryData     MessageType = 17
	ReconfigureRequest MessageType = 18
	ReconfigureReply   MessageType = 19
	DHCPv4Query        MessageType = 20
	DHCPv4Response     MessageType = 21
	ActiveLeaseQuery   MessageType = 22
	StartTLS           MessageType = 23
	BndUpd             MessageType = 24
	BndReply           MessageType = 25
	PoolReq            MessageType = 26
	PoolResp           MessageType = 27
	UpdReq             MessageType = 28
	UpdReqAll          MessageType = 29
	UpdDone            MessageType = 30
	Connect            MessageType = 31
	ConnectReply       MessageType = 32
	Disconnect         MessageType = 33
	State              MessageType = 34
	Contact            MessageType = 35
	AddrRegInform      MessageType = 36
	AddrRegReply       MessageType = 37
)

var typeNames = [...]string{
	Solicit: "SOLICIT", Advertise: "ADVERTISE", Request: "REQUEST", Confirm: "CONFIRM",
	Renew: "RENEW", Rebind: "REBIND", Reply: "REPLY", Release: "RELEASE",
	Decline: "DECLINE", Reconfigure: "RECONFIGURE", InformationRequest: "INFORMATION-REQUEST",
	RelayForw: "RELAY-FORW", RelayRepl: "RELAY-REPL",
	LeaseQuery: "LEASEQUERY", LeaseQueryReply: "LEASEQUERY-REPLY",
	LeaseQueryDone: "LEASEQUERY-DONE", LeaseQueryData: "LEASEQUERY-DATA",
	ReconfigureRequest: "RECONFIGURE-REQUEST", ReconfigureReply: "RECONFIGURE-REPLY",
	DHCPv4Query: "DHCPV4-QUERY", DHCPv4Response: "DHCPV4-RESPONSE",
	ActiveLeaseQuery: "ACTIVELEASEQUERY", StartTLS: "STARTTLS",
	BndUpd: "BNDUPD", BndReply: "BNDREPLY", PoolReq: "POOLREQ", PoolResp: "POOLRESP",
	UpdReq: "UPDREQ", UpdReqAll: "UPDREQALL", UpdDone: "UPDDONE",
	Connect: "CONNECT", ConnectReply: "CONNECTREPLY", Disconnect: "DISCONNECT",
	State: "STATE", Contact: "CONTACT",
	AddrRegInform: "ADDR-REG-INFORM", AddrRegReply: "ADDR-REG-REPLY",
}

// String returns the name the RFCs give the type, or its number.
func (t MessageType) String() string {
	if int(t) < len(typeNames) && typeNames[t] != "" {
		return typeNames[t]
	}
	return "type " + strconv.Itoa(int(t))
}
