package dhcp6

import "strconv"

// Code is an option code (RFC 9915 §7.4 and the registry it names).
type Code uint16

// The registered option codes, named as in the registry.
const (
	OptClientID               Code = 1
	OptServerID               Code = 2
	OptIANA                   Code = 3
	OptIATA                   Code = 4
	OptIAAddr                 Code = 5
	OptORO                    Code = 6
	OptPreference             Code = 7
	OptElapsedTime            Code = 8
	OptRelayMessage           Code = 9
	OptAuth                   Code = 11
	OptUnicast                Code = 12
	OptStatusCode             Code = 13
	OptRapidCommit            Code = 14
	OptUserClass              Code = 15
	OptVendorClass            Code = 16
	OptVendorOpts             Code = 17
	OptInterfaceID            Code = 18
	OptReconfMsg              Code = 19
	OptReconfAccept           Code = 20
	OptSIPServerD             Code = 21
	OptSIPServerA             Code = 22
	OptDNSServers             Code = 23
	OptDomainList             Code = 24
	OptIAPD                   Code = 25
	OptIAPrefix               Code = 26
	OptNISServers             Code = 27
	OptNISPServers            Code = 28
	OptNISDomainName          Code = 29
	OptNISPDomainName         Code = 30
	OptSNTPServers            Code = 31
	OptInformationRefreshTime Code = 32
	OptBCMCSServerD           Code = 33
	OptBCMCSServerA           Code = 34
	OptGeoconfCivic           Code = 36
	OptRemoteID               Code = 37
	OptSubscriberID           Code = 38
	OptClientFQDN             Code = 39
	OptPANAAgent              Code = 40
	OptNewPOSIXTimezone       Code = 41
	OptNewTZDBTimezone        Code = 42
	OptERO                    Code = 43
	OptLQQuery                Code = 44
	OptClientData             Code = 45
	OptCLTTime                Code = 46
	OptLQRelayData            Code = 47
	OptLQClientLink           Code = 48
	OptMIP6HNIDF              Code = 49
	OptMIP6VDINF              Code = 50
	OptV6Lost                 Code = 51
	OptCAPWAPACV6             Code = 52
	OptRelayID                Code = 53
	OptIPv6AddressMoS         Code = 54
	OptIPv6FQDNMoS            Code = 55
	OptNTPServer              Code = 56
	OptV6AccessDomain         Code = 57
	OptSIPUACSList            Code = 58
	OptBootfileURL            Code = 59
	OptBootfileParam          Code = 60
	OptClientArchType         Code = 61
	OptNII                    Code = 62
	OptGeolocation            Code = 63
	OptAFTRName               Code = 64
	OptERPLocalDomainName     Code = 65
	OptRSOO                   Code = 66
	OptPDExclude              Code = 67
	OptVSS                    Code = 68
	OptMIP6IDINF              Code = 69
	OptMIP6UDINF              Code = 70
	OptMIP6HNP                Code = 71
	OptMIP6HAA                Code = 72
	OptMIP6HAF                Code = 73
	OptRDNSSSelection         Code = 74
	OptKRBPrincipalName       Code = 75
	OptKRBRealmName           Code = 76
	OptKRBDefaultRealmName    Code = 77
	OptKRBKDC                 Code = 78
	OptClientLinkLayerAddr    Code = 79
	OptLinkAddress            Code = 80
	OptRADIUS                 Code = 81
	OptSolMaxRT               Code = 82
	OptInfMaxRT               Code = 83
	OptAddrSel                Code = 84
	OptAddrSelTable           Code = 85
	OptV6PCPServer            Code = 86
	OptDHCPv4Message          Code = 87
	OptDHCP4oDHCP6Server      Code = 88
	OptS46Rule                Code = 89
	OptS46BR                  Code = 90
	OptS46DMR                 Code = 91
	OptS46V4V6Bind            Code = 92
	OptS46PortParams          Code = 93
	OptS46ContMAPE            Code = 94
	OptS46ContMAPT            Code = 95
	OptS46ContLW              Code = 96
	Opt4RD                    Code = 97
	Opt4RDMapRule             Code = 98
	Opt4RDNonMapRule          Code = 99
	OptLQBaseTime             Code = 100
	OptLQStartTime            Code = 101
	OptLQEndTime              Code = 102
	OptCaptivePortal          Code = 103
	OptMPLParameters          Code = 104
	OptANIATT                 Code = 105
	OptANINetworkName         Code = 106
	OptANIAPName              Code = 107
	OptANIAPBSSID             Code = 108
	OptANIOperatorID          Code = 109
	OptANIOperatorRealm       Code = 110
	OptS46Priority            Code = 111
	OptMUDURLV6               Code = 112
	OptV6Prefix64             Code = 113
	OptFBindingStatus         Code = 114
	OptFConnectFlags          Code = 115
	OptFDNSRemovalInfo        Code = 116
	OptFDNSHostName           Code = 117
	OptFDNSZoneName           Code = 118
	OptFDNSFlags              Code = 119
	OptFExpirationTime        Code = 120
	OptFMaxUnackedBndUpd      Code = 121
	OptFMCLT                  Code = 122
	OptFPartnerLifetime       Code = 123
	OptFPartnerLifetimeSent   Code = 124
	OptFPartnerDownTime       Code = 125
	OptFPartnerRawCLTTime     Code = 126
	OptFProtocolVersion       Code = 127
	OptFKeepaliveTime         Code = 128
	OptFReconfigureData       Code = 129
	OptFRelationshipName      Code = 130
	OptFServerFlags           Code = 131
	OptFServerState           Code = 132
	OptFStartTimeOfState      Code = 133
	OptFStateExpirationTime   Code = 134
	OptRelayPort              Code = 135
	OptV6SZTPRedirect         Code = 136
	OptS46BindIPv6Prefix      Code = 137
	OptIALL                   Code = 138
	OptLLAddr                 Code = 139
	OptSLAPQuad               Code = 140
	OptV6DOTSRI               Code = 141
	OptV6DOTSAddress          Code = 142
	OptIPv6AddressANDSF       Code = 143
	OptV6DNR                  Code = 144
	OptRegisteredDomain       Code = 145
	OptForwardDistManager     Code = 146
	OptReverseDistManager     Code = 147
	OptAddrRegEnable          Code = 148
)

var codeNames = [...]string{
	OptClientID:               "CLIENTID",
	OptServerID:               "SERVERID",
	OptIANA:                   "IA_NA",
	OptIATA:                   "IA_TA",
	OptIAAddr:                 "IAADDR",
	OptORO:                    "ORO",
	OptPreference:             "PREFERENCE",
	OptElapsedTime:            "ELAPSED_TIME",
	OptRelayMessage:           "RELAY_MSG",
	OptAuth:                   "AUTH",
	OptUnicast:                "UNICAST",
	OptStatusCode:             "STATUS_CODE",
	OptRapidCommit:            "RAPID_COMMIT",
	OptUserClass:              "USER_CLASS",
	OptVendorClass:            "VENDOR_CLASS",
	OptVendorOpts:             "VENDOR_OPTS",
	OptInterfaceID:            "INTERFACE_ID",
	OptReconfMsg:              "RECONF_MSG",
	OptReconfAccept:           "RECONF_ACCEPT",
	OptSIPServerD:             "SIP_SERVER_D",
	OptSIPServerA:             "SIP_SERVER_A",
	OptDNSServers:             "DNS_SERVERS",
	OptDomainList:             "DOMAIN_LIST",
	OptIAPD:                   "IA_PD",
	OptIAPrefix:               "IAPREFIX",
	OptNISServers:             "NIS_SERVERS",
	OptNISPServers:            "NISP_SERVERS",
	OptNISDomainName:          "NIS_DOMAIN_NAME",
	OptNISPDomainName:         "NISP_DOMAIN_NAME",
	OptSNTPServers:            "SNTP_SERVERS",
	OptInformationRefreshTime: "INFORMATION_REFRESH_TIME",
	OptBCMCSServerD:           "BCMCS_SERVER_D",
	OptBCMCSServerA:           "BCMCS_SERVER_A",
	OptGeoconfCivic:           "GEOCONF_CIVIC",
	OptRemoteID:               "REMOTE_ID",
	OptSubscriberID:           "SUBSCRIBER_ID",
	OptClientFQDN:             "CLIENT_FQDN",
	OptPANAAgent:              "PANA_AGENT",
	OptNewPOSIXTimezone:       "NEW_POSIX_TIMEZONE",
	OptNewTZDBTimezone:        "NEW_TZDB_TIMEZONE",
	OptERO:                    "ERO",
	OptLQQuery:                "LQ_QUERY",
	OptClientData:             "CLIENT_DATA",
	OptCLTTime:                "CLT_TIME",
	OptLQRelayData:            "LQ_RELAY_DATA",
	OptLQClientLink:           "LQ_CLIENT_LINK",
	OptMIP6HNIDF:              "MIP6_HNIDF",
	OptMIP6VDINF:              "MIP6_VDINF",
	OptV6Lost:                 "V6_LOST",
	OptCAPWAPACV6:             "CAPWAP_AC_V6",
	OptRelayID:                "RELAY_ID",
	OptIPv6AddressMoS:         "IPv6_ADDRESS-MOS",
	OptIPv6FQDNMoS:            "IPv6_FQDN-MOS",
	OptNTPServer:              "NTP_SERVER",
	OptV6AccessDomain:         "V6_ACCESS_DOMAIN",
	OptSIPUACSList:            "SIP_UA_CS_LIST",
	OptBootfileURL:            "BOOTFILE_URL",
	OptBootfileParam:          "BOOTFILE_PARAM",
	OptClientArchType:         "CLIENT_ARCH_TYPE",
	OptNII:                    "NII",
	OptGeolocation:            "GEOLOCATION",
	OptAFTRName:               "AFTR_NAME",
	OptERPLocalDomainName:     "ERP_LOCAL_DOMAIN_NAME",
	OptRSOO:                   "RSOO",
	OptPDExclude:              "PD_EXCLUDE",
	OptVSS:                    "VSS",
	OptMIP6IDINF:              "MIP6_IDINF",
	OptMIP6UDINF:              "MIP6_UDINF",
	OptMIP6HNP:                "MIP6_HNP",
	OptMIP6HAA:                "MIP6_HAA",
	OptMIP6HAF:                "MIP6_HAF",
	OptRDNSSSelection:         "RDNSS_SELECTION",
	OptKRBPrincipalName:       "KRB_PRINCIPAL_NAME",
	OptKRBRealmName:           "KRB_REALM_NAME",
	OptKRBDefaultRealmName:    "KRB_DEFAULT_REALM_NAME",
	OptKRBKDC:                 "KRB_KDC",
	OptClientLinkLayerAddr:    "CLIENT_LINKLAYER_ADDR",
	OptLinkAddress:            "LINK_ADDRESS",
	OptRADIUS:                 "RADIUS",
	OptSolMaxRT:               "SOL_MAX_RT",
	OptInfMaxRT:               "INF_MAX_RT",
	OptAddrSel:                "ADDRSEL",
	OptAddrSelTable:           "ADDRSEL_TABLE",
	OptV6PCPServer:            "V6_PCP_SERVER",
	OptDHCPv4Message:          "DHCPV4_MSG",
	OptDHCP4oDHCP6Server:      "DHCP4_O_DHCP6_SERVER",
	OptS46Rule:                "S46_RULE",
	OptS46BR:                  "S46_BR",
	OptS46DMR:                 "S46_DMR",
	OptS46V4V6Bind:            "S46_V4V6BIND",
	OptS46PortParams:          "S46_PORTPARAMS",
	OptS46ContMAPE:            "S46_CONT_MAPE",
	OptS46ContMAPT:            "S46_CONT_MAPT",
	OptS46ContLW:              "S46_CONT_LW",
	Opt4RD:                    "4RD",
	Opt4RDMapRule:             "4RD_MAP_RULE",
	Opt4RDNonMapRule:          "4RD_NON_MAP_RULE",
	OptLQBaseTime:             "LQ_BASE_TIME",
	OptLQStartTime:            "LQ_START_TIME",
	OptLQEndTime:              "LQ_END_TIME",
	OptCaptivePortal:          "CAPTIVE_PORTAL",
	OptMPLParameters:          "MPL_PARAMETERS",
	OptANIATT:                 "ANI_ATT",
	OptANINetworkName:         "ANI_NETWORK_NAME",
	OptANIAPName:              "ANI_AP_NAME",
	OptANIAPBSSID:             "ANI_AP_BSSID",
	OptANIOperatorID:          "ANI_OPERATOR_ID",
	OptANIOperatorRealm:       "ANI_OPERATOR_REALM",
	OptS46Priority:            "S46_PRIORITY",
	OptMUDURLV6:               "MUD_URL_V6",
	OptV6Prefix64:             "V6_PREFIX64",
	OptFBindingStatus:         "F_BINDING_STATUS",
	OptFConnectFlags:          "F_CONNECT_FLAGS",
	OptFDNSRemovalInfo:        "F_DNS_REMOVAL_INFO",
	OptFDNSHostName:           "F_DNS_HOST_NAME",
	OptFDNSZoneName:           "F_DNS_ZONE_NAME",
	OptFDNSFlags:              "F_DNS_FLAGS",
	OptFExpirationTime:        "F_EXPIRATION_TIME",
	OptFMaxUnackedBndUpd:      "F_MAX_UNACKED_BNDUPD",
	OptFMCLT:                  "F_MCLT",
	OptFPartnerLifetime:       "F_PARTNER_LIFETIME",
	OptFPartnerLifetimeSent:   "F_PARTNER_LIFETIME_SENT",
	OptFPartnerDownTime:       "F_PARTNER_DOWN_TIME",
	OptFPartnerRawCLTTime:     "F_PARTNER_RAW_CLT_TIME",
	OptFProtocolVersion:       "F_PROTOCOL_VERSION",
	OptFKeepaliveTime:         "F_KEEPALIVE_TIME",
	OptFReconfigureData:       "F_RECONFIGURE_DATA",
	OptFRelationshipName:      "F_RELATIONSHIP_NAME",
	OptFServerFlags:           "F_SERVER_FLAGS",
	OptFServerState:           "F_SERVER_STATE",
	OptFStartTimeOfState:      "F_START_TIME_OF_STATE",
	OptFStateExpirationTime:   "F_STATE_EXPIRATION_TIME",
	OptRelayPort:              "RELAY_PORT",
	OptV6SZTPRedirect:         "V6_SZTP_REDIRECT",
	OptS46BindIPv6Prefix:      "S46_BIND_IPV6_PREFIX",
	OptIALL:                   "IA_LL",
	OptLLAddr:                 "LLADDR",
	OptSLAPQuad:               "SLAP_QUAD",
	OptV6DOTSRI:               "V6_DOTS_RI",
	OptV6DOTSAddress:          "V6_DOTS_ADDRESS",
	OptIPv6AddressANDSF:       "IPv6_ADDRESS-ANDSF",
	OptV6DNR:                  "V6_DNR",
	OptRegisteredDomain:       "REGISTERED_DOMAIN",
	OptForwardDistManager:     "FORWARD_DIST_MANAGER",
	OptReverseDistManager:     "REVERSE_DIST_MANAGER",
	OptAddrRegEnable:          "ADDR_REG_ENABLE",
}

// String returns the name of the registry without its OPTION_ prefix, or the
// number of a code that has none.
func (c Code) String() string {
	if int(c) < len(codeNames) && codeNames[c] != "" {
		return codeNames[c]
	}
	return "option " + strconv.Itoa(int(c))
}
