//! Values that this machine cannot use, and the text of the file.

use std::collections::BTreeMap;

use super::{file_text, limited};

#[test]
fn memory_is_limited_in_each_unit() {
    for (name, value, expected) in [
        ("shared_buffers", "16384", "16384"),
        ("shared_buffers", "16385", "131072kB"),
        ("shared_buffers", "1TB", "131072kB"),
        ("shared_buffers", "64 MB", "64 MB"),
        ("work_mem", "65536", "65536"),
        ("work_mem", "65537kB", "65536kB"),
        ("work_mem", "4096", "4096"),
        ("wal_buffers", "-1", "-1"),
        ("autovacuum_work_mem", "2GB", "65536kB"),
        ("work_mem", "lots", "lots"),
        ("max_connections", "5000", "1000"),
        ("max_connections", "60", "60"),
        ("effective_cache_size", "100GB", "100GB"),
    ] {
        assert_eq!(limited(name, value), expected, "{name}={value}");
    }
}

#[test]
fn values_cannot_leave_their_quotes() {
    let value = "a'b\\c\nfsync = on";
    let text = file_text(&BTreeMap::from([("x.y".to_owned(), value.to_owned())]));
    assert_eq!(text.lines().skip(1).collect::<Vec<_>>(), [r"x.y = 'a''b\\c fsync = on'"]);
}
