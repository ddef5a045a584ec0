//! Read replicas: of the source, and as the source.

use infra_compare::{CompareError, Endpoint, Verdict, compare};

use crate::pair::{Pair, small, table, whole};
use crate::server::{Server, sides};

async fn caught_up(replica: &Server, database: &str, sql: &str) {
    for _ in 0..200 {
        let rows = replica.client(database).await.query(sql, &[]).await.unwrap_or_default();
        if rows.first().is_some_and(|row| row.get(0)) {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    panic!("the replica does not catch up");
}

#[tokio::test]
async fn a_replica_is_not_compared_with_its_primary_and_stands_for_it_otherwise() {
    let both = "CREATE TABLE b (id bigserial PRIMARY KEY); INSERT INTO b SELECT FROM generate_series(1, 50);
        CREATE UNLOGGED TABLE u (id bigserial PRIMARY KEY); INSERT INTO u DEFAULT VALUES;";
    let pair = Pair::new(both, "", "").await;
    let replica = sides()[0].replica();
    caught_up(&replica, &pair.name, "SELECT count(*) = 50 FROM b").await;
    let [source, target] = pair.endpoints("admin");
    let copy = Endpoint::new("127.0.0.1", replica.port, "admin", "", &pair.name);
    for (one, other) in [(&source, &copy), (&copy, &source)] {
        let error = compare(one, other, &small(), &|_| ()).await.unwrap_err();
        assert!(matches!(error, CompareError::Replica), "{}", whole(&error));
    }
    // A replica logs the next 32 values of a sequence, and shows the last of them.
    for side in [0, 1] {
        pair.run(side, "INSERT INTO b SELECT FROM generate_series(1, 3)").await;
    }
    caught_up(&replica, &pair.name, "SELECT count(*) = 53 FROM b").await;
    let comparison = compare(&copy, &target, &small(), &|_| ()).await.unwrap();
    assert_eq!(table(&comparison, "b").verdict, Verdict::Equal, "{comparison:#?}");
    let behind: Vec<_> = comparison.sequences.iter().map(ToString::to_string).collect();
    assert!(behind.iter().all(|text| !text.contains("public.b_id_seq")), "{behind:?}");
    // An unlogged table and its sequence cannot be read, which costs nothing else.
    assert_eq!(table(&comparison, "u").verdict, Verdict::Incomplete, "{comparison:#?}");
    assert!(behind.iter().any(|text| text.contains("public.u_id_seq")), "{behind:?}");
    assert_eq!(comparison.verdict, Verdict::Incomplete);
    // More than 32 values are a difference.
    pair.run(0, "SELECT setval('b_id_seq', 500)").await;
    caught_up(&replica, &pair.name, "SELECT last_value >= 500 FROM b_id_seq").await;
    let comparison = compare(&copy, &target, &small(), &|_| ()).await.unwrap();
    assert_eq!(comparison.verdict, Verdict::Different, "{comparison:#?}");
}
