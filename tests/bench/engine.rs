//! Measures how the engine and the journal scale. Run with `cargo bench`; nothing here is a test.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use migrate_infra::aws::Cancel;
use migrate_infra::engine::{CreatedSignal, Executor, Job, schedule};
use migrate_infra::graph::Moment;
use migrate_infra::state::{FileStore, Journal, Record, State};

struct Nothing;

#[async_trait]
impl Executor for Nothing {
    async fn run(&self, _index: usize, mut released: CreatedSignal) -> bool {
        released.notify();
        true
    }

    fn blocked(&self, _index: usize, _by: usize) {}
}

/// Returns layers of a hundred jobs. Each job depends on five jobs of the previous layer.
fn layers(count: usize) -> Vec<Job> {
    let needs = |index: usize| -> Vec<(usize, Moment)> {
        if index < 100 {
            return Vec::new();
        }
        let before = index / 100 * 100 - 100;
        (0..5)
            .map(|step| {
                (before + (index * 7 + step * 13) % 100, if step == 0 { Moment::Ready } else { Moment::Created })
            })
            .collect()
    };
    let unique = |mut needs: Vec<(usize, Moment)>| {
        needs.sort_by_key(|(index, _)| *index);
        needs.dedup_by_key(|(index, _)| *index);
        needs
    };
    (0..count)
        .map(|index| Job { needs: unique(needs(index)), remaining: Duration::from_secs((count - index) as u64) })
        .collect()
}

fn scheduler(criterion: &mut Criterion) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let mut group = criterion.benchmark_group("schedule");
    for count in [100, 1_000, 10_000] {
        let jobs = layers(count);
        group.throughput(Throughput::Elements(count as u64));
        group.bench_with_input(BenchmarkId::from_parameter(count), &jobs, |bencher, jobs| {
            bencher.iter(|| runtime.block_on(schedule(jobs, 32, &Cancel::default(), Arc::new(Nothing))));
        });
    }
    group.finish();
}

/// Up to 32 steps write at the same time; they share the flushes.
fn journal(criterion: &mut Criterion) {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    let mut group = criterion.benchmark_group("journal");
    for writers in [1_u64, 32] {
        group.throughput(Throughput::Elements(writers * 8));
        group.bench_with_input(
            BenchmarkId::new("durable records by writers", writers),
            &writers,
            |bencher, writers| {
                bencher.iter(|| {
                    runtime.block_on(async {
                        let directory = tempfile::tempdir().expect("a directory");
                        let (journal, writer) =
                            Journal::start(State::empty(), Box::new(FileStore::new(directory.path())));
                        let genesis =
                            Record::Genesis { format: 1, lineage: "l".into(), stack: "s".into(), account: "1".into() };
                        journal.write(vec![genesis]).await.expect("written");
                        let write = |number: u64| {
                            let journal = journal.clone();
                            async move {
                                for _ in 0..8 {
                                    let run = Record::RunStarted {
                                        run: number.to_string().into(),
                                        command: "up".into(),
                                        environments: [].into(),
                                        version: "0".into(),
                                        at: "t".into(),
                                    };
                                    journal.write(vec![run]).await.expect("written");
                                }
                            }
                        };
                        futures::future::join_all((0..*writers).map(write)).await;
                        writer.finish(journal).await.expect("compacted");
                    });
                });
            },
        );
    }
    group.finish();
}

criterion_group!(benches, scheduler, journal);
criterion_main!(benches);
