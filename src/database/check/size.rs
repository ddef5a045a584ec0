//! Sizes for people.

/// Returns a number of bytes for a person.
pub(super) fn size(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["bytes", "KB", "MB", "GB", "TB"];
    let (mut rounded, mut unit) = (bytes, 0);
    while rounded >= 10 * 1024 && unit + 1 < UNITS.len() {
        rounded = (rounded + 512) / 1024;
        unit += 1;
    }
    format!("{rounded} {}", UNITS[unit])
}
