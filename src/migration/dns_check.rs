//! Checks the answers of the zone's own name servers, without a cache.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use hickory_resolver::Resolver;
use hickory_resolver::config::{ConnectionConfig, NameServerConfig, ResolverConfig};
use hickory_resolver::net::runtime::TokioRuntimeProvider;

use super::TrafficSplit;

/// The number of queries per server. Weighted answers differ between queries.
const QUERIES: usize = 8;
/// The timeout of a query.
const QUERY_TIMEOUT: Duration = Duration::from_secs(2);

/// The result of a check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DnsCheck {
    /// The answers match the split. Contains the number of servers that answered.
    Consistent(usize),
    /// An answer refers to an environment that should get no traffic.
    Stale(String),
    /// No server could be queried.
    Unreachable(String),
}

/// Queries a name server for the addresses of a name several times. Returns all addresses that it answered.
///
/// # Errors
/// When the server could not be queried. The error is the reason as text.
pub async fn query(server: SocketAddr, name: &str) -> Result<BTreeSet<IpAddr>, String> {
    let mut connection = ConnectionConfig::udp();
    connection.port = server.port();
    let config = ResolverConfig::from_name_servers(vec![NameServerConfig::new(server.ip(), true, vec![connection])]);
    let mut builder = Resolver::builder_with_config(config, TokioRuntimeProvider::default());
    let options = builder.options_mut();
    (options.cache_size, options.timeout, options.attempts) = (0, QUERY_TIMEOUT, 1);
    let resolver = builder.build().map_err(|error| error.to_string())?;
    let full = format!("{}.", name.trim_end_matches('.'));
    let mut found = BTreeSet::new();
    for _ in 0..QUERIES {
        found.extend(resolver.lookup_ip(full.as_str()).await.map_err(|error| format!("{server}: {error}"))?.iter());
    }
    Ok(found)
}

/// Compares the answers of the name servers of a zone with the split. The names of the load balancers are resolved like
/// a client does.
pub async fn check(servers: &[String], name: &str, balancers: [&str; 2], split: TrafficSplit) -> DnsCheck {
    let [source, target] = [addresses(balancers[0]).await, addresses(balancers[1]).await];
    let (mut answered, mut why) = (0, "there is no name server".to_owned());
    for server in servers {
        let Some(at) = addresses(server).await.into_iter().next() else {
            why = format!("{server} has no address");
            continue;
        };
        match query(SocketAddr::new(at, 53), name).await {
            Err(error) => why = error,
            Ok(answers) => {
                answered += 1;
                if let Some(stale) = stale_answer(&answers, &source, &target, split) {
                    return DnsCheck::Stale(format!(
                        "{server} still answers {stale}, but {split} of the traffic should go to the target"
                    ));
                }
            }
        }
    }
    if answered == 0 { DnsCheck::Unreachable(why) } else { DnsCheck::Consistent(answered) }
}

/// Returns an answer that refers to an environment that should get no traffic. Addresses of neither load balancer prove
/// nothing, because AWS changes them.
fn stale_answer(
    answers: &BTreeSet<IpAddr>,
    source: &BTreeSet<IpAddr>,
    target: &BTreeSet<IpAddr>,
    split: TrafficSplit,
) -> Option<IpAddr> {
    let forbidden = match split {
        TrafficSplit::SOURCE => target.difference(source).collect::<BTreeSet<_>>(),
        TrafficSplit::TARGET => source.difference(target).collect(),
        _ => BTreeSet::new(),
    };
    answers.iter().find(|answer| forbidden.contains(answer)).copied()
}

async fn addresses(host: &str) -> BTreeSet<IpAddr> {
    let found = tokio::time::timeout(QUERY_TIMEOUT, tokio::net::lookup_host((host.trim_end_matches('.'), 53))).await;
    found.ok().and_then(Result::ok).into_iter().flatten().map(|address| address.ip()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(addresses: &[&str]) -> BTreeSet<IpAddr> {
        addresses.iter().map(|address| address.parse().unwrap()).collect()
    }

    #[test]
    fn a_stale_answer_is_detected() {
        let (source, target) = (set(&["10.0.0.1", "10.0.0.2"]), set(&["10.1.0.1"]));
        let answers = set(&["10.0.0.2", "10.1.0.1"]);
        assert_eq!(stale_answer(&answers, &source, &target, TrafficSplit::TARGET), Some("10.0.0.2".parse().unwrap()));
        assert_eq!(stale_answer(&answers, &source, &target, TrafficSplit::SOURCE), Some("10.1.0.1".parse().unwrap()));
        assert_eq!(stale_answer(&answers, &source, &target, TrafficSplit::new(50).unwrap()), None);
        assert_eq!(stale_answer(&set(&["192.0.2.1"]), &source, &target, TrafficSplit::TARGET), None);
    }

    /// Queries a name server with one answer over a real socket.
    #[tokio::test]
    async fn a_name_server_is_queried_directly() {
        let socket = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let at = socket.local_addr().unwrap();
        tokio::spawn(async move {
            let mut question = [0_u8; 512];
            while let Ok((length, from)) = socket.recv_from(&mut question).await {
                let answer = answer_to(&question[..length]);
                let _ = socket.send_to(&answer, from).await;
            }
        });
        assert_eq!(query(at, "api.payments.internal").await, Ok(set(&["10.1.0.1"])));
    }

    /// Returns the answer to a query for addresses (RFC 1035, section 4): the header, the question and one record of
    /// type A.
    fn answer_to(question: &[u8]) -> Vec<u8> {
        let end = 12 + question[12..].iter().position(|byte| *byte == 0).unwrap() + 5;
        let asks_for_a = question[end - 4..end - 2] == [0, 1];
        let mut answer = question[..2].to_vec();
        answer.extend([0x84, 0, 0, 1, 0, u8::from(asks_for_a), 0, 0, 0, 0]);
        answer.extend(&question[12..end]);
        if asks_for_a {
            answer.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 10, 1, 0, 1]);
        }
        answer
    }
}
