//! Whether clients can see the records of a zone.
//!
//! A shift changes records. Whether anybody reads them is another question: a private zone is known in its VPCs only,
//! the parent domain may refer to other name servers, or to none, and a name may have no address. Route 53 does not say
//! so, and a shift succeeds in each of these cases.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::time::Duration;

use hickory_resolver::Resolver;
use hickory_resolver::config::{ConnectionConfig, NameServerConfig, ResolverConfig};
use hickory_resolver::net::NetError;
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::proto::rr::{RData, RecordType};
use infra_kinds::route53::zone::Zone;

/// The timeout of a query.
const QUERY_TIMEOUT: Duration = Duration::from_secs(3);
/// Where the resolvers of this machine are listed ("resolv.conf(5)").
const RESOLV_CONF: &str = "/etc/resolv.conf";
const DNS_PORT: u16 = 53;

/// Who sees the records of a zone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reach {
    /// The public DNS refers to the zone, and answers with an address.
    Everybody,
    /// Only the resolvers in these VPCs.
    OnlyVpcs(Vec<String>),
    /// Nobody: the parent domain does not refer to the domain of the zone.
    Undelegated,
    /// Nobody: the parent domain refers to these name servers, which are those of another zone.
    Elsewhere(BTreeSet<String>),
    /// Nobody: the domain refers to the zone, and the name has no address.
    NoAddress,
    /// This cannot be found out from here, for this reason.
    Unknown(String),
}

impl Reach {
    /// Returns what to tell somebody who is about to shift the traffic of a name, if it is not seen by everybody.
    pub fn warning(&self, zone: &Zone, name: &str) -> Option<String> {
        let servers = zone.name_servers.join(", ");
        let (id, domain) = (&zone.id, &zone.name);
        Some(match self {
            Self::Everybody => return None,
            Self::OnlyVpcs(vpcs) => format!(
                "the zone {id} of {name} is private: only clients in {} resolve it, and follow a shift",
                vpcs.join(", ")
            ),
            Self::Undelegated => format!(
                "nobody resolves {name}: the parent domain of {domain} does not refer to the zone {id}; enter its name \
                 servers there or at the registrar: {servers}"
            ),
            Self::Elsewhere(others) => format!(
                "a shift in the zone {id} has no effect: {domain} is answered by {}, and not by the name servers of \
                 the zone ({servers}); perhaps there is another zone with this name",
                others.iter().map(String::as_str).collect::<Vec<_>>().join(", ")
            ),
            Self::NoAddress => {
                format!("nobody resolves {name}: {domain} refers to the zone {id}, but the name has no address")
            }
            Self::Unknown(why) => format!("it is unknown whether clients resolve {name} ({why})"),
        })
    }
}

/// Returns who sees a name in a zone. Without `dns`, only the kind of the zone counts, as for an emulator, whose zones
/// no resolver knows.
pub async fn reach(zone: &Zone, name: &str, dns: Option<&Dns>) -> Reach {
    if zone.is_private {
        return Reach::OnlyVpcs(zone.vpcs.clone());
    }
    match dns {
        None => Reach::Everybody,
        Some(dns) => judge(zone, dns.name_servers(&zone.name).await, dns.resolves(name).await),
    }
}

fn judge(zone: &Zone, delegation: Result<BTreeSet<String>, String>, resolves: Result<bool, String>) -> Reach {
    let own: BTreeSet<String> = zone.name_servers.iter().map(|server| plain(server)).collect();
    match (delegation, resolves) {
        (Ok(found), _) if found.is_empty() => Reach::Undelegated,
        (Ok(found), _) if found.is_disjoint(&own) => Reach::Elsewhere(found),
        (Ok(_), Ok(true)) => Reach::Everybody,
        (Ok(_), Ok(false)) => Reach::NoAddress,
        (Err(why), _) | (Ok(_), Err(why)) => Reach::Unknown(why),
    }
}

fn plain(name: &str) -> String {
    name.trim_end_matches('.').to_ascii_lowercase()
}

/// The DNS as clients see it, through resolvers.
#[derive(Clone, Debug)]
pub struct Dns {
    resolvers: Vec<SocketAddr>,
}

impl Dns {
    /// Returns the DNS through these resolvers.
    pub fn through(resolvers: Vec<SocketAddr>) -> Self {
        Self { resolvers }
    }

    /// Returns the DNS through the resolvers of this machine. It has none if their list cannot be read.
    pub fn of_this_machine() -> Self {
        let listed = std::fs::read(RESOLV_CONF).ok().and_then(|text| resolv_conf::Config::parse(text).ok());
        let servers = listed.map(|config| config.nameservers).unwrap_or_default();
        Self::through(servers.iter().map(|server| SocketAddr::new(server.into(), DNS_PORT)).collect())
    }

    fn resolver(&self) -> Result<Resolver<TokioRuntimeProvider>, String> {
        if self.resolvers.is_empty() {
            return Err(format!("{RESOLV_CONF} names no resolver"));
        }
        let server = |address: &SocketAddr| {
            let mut connections = [ConnectionConfig::udp(), ConnectionConfig::tcp()];
            for connection in &mut connections {
                connection.port = address.port();
            }
            NameServerConfig::new(address.ip(), true, connections.into())
        };
        let config = ResolverConfig::from_name_servers(self.resolvers.iter().map(server).collect());
        let mut builder = Resolver::builder_with_config(config, TokioRuntimeProvider::default());
        let options = builder.options_mut();
        (options.cache_size, options.timeout, options.attempts) = (0, QUERY_TIMEOUT, 2);
        builder.build().map_err(|error| error.to_string())
    }

    /// Returns the name servers of a domain; none if the parent domain does not refer to it.
    async fn name_servers(&self, domain: &str) -> Result<BTreeSet<String>, String> {
        let found = self.resolver()?.lookup(format!("{}.", plain(domain)), RecordType::NS).await;
        let Some(found) = known(found)? else { return Ok(BTreeSet::new()) };
        let server = |data: &RData| match data {
            RData::NS(server) => Some(plain(&server.0.to_string())),
            _ => None,
        };
        Ok(found.answers().iter().filter_map(|record| server(&record.data)).collect())
    }

    /// Returns whether a name has an address.
    async fn resolves(&self, name: &str) -> Result<bool, String> {
        let found = self.resolver()?.lookup_ip(format!("{}.", plain(name))).await;
        Ok(known(found)?.is_some_and(|found| found.iter().next().is_some()))
    }
}

/// Returns an answer; nothing if the name, or a record of the type, does not exist.
fn known<T>(answer: Result<T, NetError>) -> Result<Option<T>, String> {
    match answer {
        Ok(answer) => Ok(Some(answer)),
        Err(error) if error.is_nx_domain() || error.is_no_records_found() => Ok(None),
        Err(error) => Err(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn zone() -> Zone {
        Zone {
            id: "Z1".to_owned(),
            name: "payments.example".to_owned(),
            is_private: false,
            vpcs: Vec::new(),
            name_servers: vec!["ns-1.awsdns-01.com".to_owned(), "NS-2.awsdns-02.net.".to_owned()],
        }
    }

    fn servers(names: &[&str]) -> Result<BTreeSet<String>, String> {
        Ok(names.iter().map(|name| (*name).to_owned()).collect())
    }

    #[test]
    fn each_reason_why_nobody_follows_a_shift_has_its_own_words() {
        let name = "api.payments.example";
        let cases = [
            (judge(&zone(), servers(&["ns-2.awsdns-02.net"]), Ok(true)), ""),
            (judge(&zone(), servers(&[]), Ok(false)), "the parent domain of payments.example does not refer"),
            (judge(&zone(), servers(&["ns.other.org"]), Ok(true)), "answered by ns.other.org, and not by"),
            (judge(&zone(), servers(&["ns-1.awsdns-01.com"]), Ok(false)), "but the name has no address"),
            (judge(&zone(), Err("timed out".to_owned()), Ok(true)), "it is unknown"),
            (Reach::OnlyVpcs(vec!["vpc-1 in us-east-1".to_owned()]), "only clients in vpc-1 in us-east-1"),
        ];
        for (reach, words) in cases {
            match reach.warning(&zone(), name) {
                None => assert_eq!((reach, words), (Reach::Everybody, "")),
                Some(text) => {
                    assert!(!words.is_empty() && text.contains(words) && text.contains(&zone().name), "{text}");
                }
            }
        }
    }

    /// A resolver that knows one domain, with one name server, and one name in it.
    async fn resolver() -> SocketAddr {
        let socket = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let at = socket.local_addr().unwrap();
        tokio::spawn(async move {
            let mut question = [0_u8; 512];
            while let Ok((length, from)) = socket.recv_from(&mut question).await {
                let _ = socket.send_to(&answer_to(&question[..length]), from).await;
            }
        });
        at
    }

    /// Returns the answer to a question (RFC 1035, section 4): `NS` of `payments.example`, and `A` of a name in it.
    fn answer_to(question: &[u8]) -> Vec<u8> {
        let end = 12 + question[12..].iter().position(|byte| *byte == 0).unwrap() + 5;
        let (name, kind) = (&question[12..end - 4], question[end - 3]);
        let data: Option<Vec<u8>> = match (name, kind) {
            (b"\x08payments\x07example\x00", 2) => Some(b"\x04ns-1\x09awsdns-01\x03com\x00".to_vec()),
            (b"\x03api\x08payments\x07example\x00", 1) => Some(vec![10, 1, 0, 1]),
            _ => None,
        };
        let is_known = name.ends_with(b"\x08payments\x07example\x00");
        let mut answer = question[..2].to_vec();
        answer.extend([0x81, if is_known { 0x80 } else { 0x83 }, 0, 1, 0, u8::from(data.is_some()), 0, 0, 0, 0]);
        answer.extend(&question[12..end]);
        if let Some(data) = data {
            answer.extend([0xc0, 12, 0, kind, 0, 1, 0, 0, 0, 60, 0, u8::try_from(data.len()).unwrap()]);
            answer.extend(data);
        }
        answer
    }

    #[tokio::test]
    async fn the_dns_of_clients_is_asked() {
        let dns = Dns::through(vec![resolver().await]);
        let of = async |zone: Zone, name: &str| reach(&zone, name, Some(&dns)).await;
        assert_eq!(of(zone(), "api.payments.example").await, Reach::Everybody);
        assert_eq!(of(zone(), "www.payments.example").await, Reach::NoAddress);
        let other = Zone { name: "undelegated.example".to_owned(), ..zone() };
        assert_eq!(of(other, "api.undelegated.example").await, Reach::Undelegated);
        let elsewhere = Zone { name_servers: vec!["ns-9.awsdns-09.org".to_owned()], ..zone() };
        let expected = Reach::Elsewhere(["ns-1.awsdns-01.com".to_owned()].into());
        assert_eq!(of(elsewhere, "api.payments.example").await, expected);
        let private = Zone { is_private: true, vpcs: vec!["vpc-1 in eu-west-1".to_owned()], ..zone() };
        assert_eq!(of(private.clone(), "x").await, Reach::OnlyVpcs(private.vpcs));
        let silent = Dns::through(Vec::new());
        assert!(matches!(reach(&zone(), "x", Some(&silent)).await, Reach::Unknown(_)));
        assert_eq!(reach(&zone(), "x", None).await, Reach::Everybody);
    }
}
