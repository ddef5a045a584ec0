//! What the zone's own name servers answer, asked without a cache in between.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use hickory_resolver::Resolver;
use hickory_resolver::config::{ConnectionConfig, NameServerConfig, ResolverConfig};
use hickory_resolver::net::runtime::TokioRuntimeProvider;

use super::Split;

/// How often each server is asked: weighted answers differ from one time to the next.
const TIMES: usize = 8;
/// How long one server may take.
const PATIENCE: Duration = Duration::from_secs(2);

/// What the answers say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Seen {
    /// They fit; so many servers were asked.
    Fits(usize),
    /// One leads where no traffic should go.
    Differs(String),
    /// Nobody could be asked.
    Unreachable(String),
}

/// Asks name servers for the addresses of a name, several times, and returns all that they gave.
///
/// # Errors
/// Why a server could not be asked, in words.
pub async fn ask(server: SocketAddr, name: &str) -> Result<BTreeSet<IpAddr>, String> {
    let mut connection = ConnectionConfig::udp();
    connection.port = server.port();
    let config = ResolverConfig::from_name_servers(vec![NameServerConfig::new(server.ip(), true, vec![connection])]);
    let mut builder = Resolver::builder_with_config(config, TokioRuntimeProvider::default());
    let options = builder.options_mut();
    (options.cache_size, options.timeout, options.attempts) = (0, PATIENCE, 1);
    let resolver = builder.build().map_err(|error| error.to_string())?;
    let full = format!("{}.", name.trim_end_matches('.'));
    let mut found = BTreeSet::new();
    for _ in 0..TIMES {
        found.extend(resolver.lookup_ip(full.as_str()).await.map_err(|error| format!("{server}: {error}"))?.iter());
    }
    Ok(found)
}

/// Compares what the servers of a zone answer with where traffic should go. The load balancers are resolved as a client would.
pub async fn check(servers: &[String], name: &str, balancers: [&str; 2], split: Split) -> Seen {
    let [source, target] = [addresses(balancers[0]).await, addresses(balancers[1]).await];
    let (mut asked, mut why) = (0, "there is no name server".to_owned());
    for server in servers {
        let Some(at) = addresses(server).await.into_iter().next() else {
            why = format!("{server} has no address");
            continue;
        };
        match ask(SocketAddr::new(at, 53), name).await {
            Err(error) => why = error,
            Ok(answers) => {
                asked += 1;
                if let Some(wrong) = stray(&answers, &source, &target, split) {
                    return Seen::Differs(format!("{server} still answers {wrong}, where {split} of the traffic should go to the target"));
                }
            }
        }
    }
    if asked == 0 { Seen::Unreachable(why) } else { Seen::Fits(asked) }
}

/// An answer that leads where no traffic should go. Addresses of neither load balancer prove nothing: those change by themselves.
fn stray(answers: &BTreeSet<IpAddr>, source: &BTreeSet<IpAddr>, target: &BTreeSet<IpAddr>, split: Split) -> Option<IpAddr> {
    let forbidden = match split {
        Split::SOURCE => target.difference(source).collect::<BTreeSet<_>>(),
        Split::TARGET => source.difference(target).collect(),
        _ => BTreeSet::new(),
    };
    answers.iter().find(|answer| forbidden.contains(answer)).copied()
}

async fn addresses(host: &str) -> BTreeSet<IpAddr> {
    let found = tokio::time::timeout(PATIENCE, tokio::net::lookup_host((host.trim_end_matches('.'), 53))).await;
    found.ok().and_then(Result::ok).into_iter().flatten().map(|address| address.ip()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(addresses: &[&str]) -> BTreeSet<IpAddr> {
        addresses.iter().map(|address| address.parse().unwrap()).collect()
    }

    #[test]
    fn an_answer_that_leads_back_is_noticed() {
        let (source, target) = (set(&["10.0.0.1", "10.0.0.2"]), set(&["10.1.0.1"]));
        let answers = set(&["10.0.0.2", "10.1.0.1"]);
        assert_eq!(stray(&answers, &source, &target, Split::TARGET), Some("10.0.0.2".parse().unwrap()));
        assert_eq!(stray(&answers, &source, &target, Split::SOURCE), Some("10.1.0.1".parse().unwrap()));
        assert_eq!(stray(&answers, &source, &target, Split::new(50).unwrap()), None);
        assert_eq!(stray(&set(&["192.0.2.1"]), &source, &target, Split::TARGET), None);
    }

    /// A name server with one answer, asked over a real socket.
    #[tokio::test]
    async fn a_name_server_is_asked_itself() {
        let socket = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let at = socket.local_addr().unwrap();
        tokio::spawn(async move {
            let mut question = [0_u8; 512];
            while let Ok((length, from)) = socket.recv_from(&mut question).await {
                let answer = answered(&question[..length]);
                let _ = socket.send_to(&answer, from).await;
            }
        });
        assert_eq!(ask(at, "api.payments.internal").await, Ok(set(&["10.1.0.1"])));
    }

    /// The answer to a question about addresses (RFC 1035, section 4): header, the question again, and one record of type A.
    fn answered(question: &[u8]) -> Vec<u8> {
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
