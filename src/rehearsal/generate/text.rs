//! Texts of values: words, numbers, and the notations of arrays and composite values.

use fastrand::Rng;

const WORDS: &[&str] = &[
    "invoice",
    "card",
    "paid",
    "Zürich",
    "order",
    "weekly",
    "café",
    "支払い",
    "late",
    "fee",
    "O'Neil",
    "tab\there",
    "back\\slash",
    "naïve",
    "ride",
    "coffee",
    "books",
    "rent",
    "salary",
    "100%",
    "\"quoted\"",
    "line\nbreak",
    "emoji 💳",
    "shop",
];

/// Returns a random text. The characters include what a careless conversion breaks.
pub(super) fn random(least: usize, most: usize, rng: &mut Rng) -> String {
    let most = most.min(60).max(least);
    let mut text = String::new();
    let wanted = rng.usize(least..=most.min(least + 40));
    let mut length = 0;
    while length < wanted {
        if length > 0 {
            text.push(' ');
            length += 1;
        }
        let word = WORDS[rng.usize(..WORDS.len())];
        text.push_str(word);
        length += word.chars().count();
    }
    if length > wanted {
        text = text.chars().take(wanted).collect();
        // A space at an end is lost in `character(n)`, and trimmed by many checks.
        if text.ends_with(' ') {
            text.pop();
            text.push('x');
        }
    }
    text
}

/// Returns a text of 40 to 100 KB.
pub(super) fn big(rng: &mut Rng) -> String {
    let length = rng.usize(40_000..=100_000);
    let mut text = String::with_capacity(length + 16);
    while text.len() < length {
        text.push_str(WORDS[rng.usize(..WORDS.len())]);
        text.push_str(&rng.u16(..).to_string());
        text.push(' ');
    }
    text.push('.');
    text
}

/// Returns a text that contains a number and has a number of characters within bounds.
pub(super) fn numbered(number: u64, salt: &str, least: usize, most: usize) -> String {
    let mut digits = base36(number);
    if most >= 16 + salt.len() {
        digits = format!("{salt}-{digits}");
        return if digits.len() < least { format!("{digits:x<least$}") } else { digits };
    }
    // Leading zeros do not make two numbers equal, if all texts are filled to the same length.
    let width = least.max(if most < 6 { most } else { least });
    if digits.len() < width { format!("{digits:0>width$}") } else { digits }
}

fn base36(mut number: u64) -> String {
    let mut digits = Vec::new();
    loop {
        digits.push(char::from(
            b"0123456789abcdefghijklmnopqrstuvwxyz"[usize::try_from(number % 36).unwrap_or_default()],
        ));
        number /= 36;
        if number == 0 {
            return digits.iter().rev().collect();
        }
    }
}

/// Returns a decimal number that is given in units of its last digit.
pub(super) fn decimal(units: i128, scale: u32) -> String {
    if scale == 0 {
        return units.to_string();
    }
    let one = 10_u128.pow(scale);
    let width = usize::try_from(scale).unwrap_or_default();
    let sign = if units < 0 { "-" } else { "" };
    format!("{sign}{}.{:0width$}", units.unsigned_abs() / one, units.unsigned_abs() % one)
}

/// Returns a UUID whose last 62 bits are a permutation of the number.
pub(super) fn uuid(random: u64, number: u64) -> String {
    let permuted = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) & (u64::MAX >> 2);
    let bits = u128::from(random) << 64 | u128::from(permuted);
    uuid::Builder::from_random_bytes(bits.to_be_bytes()).into_uuid().to_string()
}

/// Returns a number for a text.
pub(super) fn mix(text: &str) -> u64 {
    text.bytes().fold(0, |hash: u64, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

/// Returns bytes in hexadecimal digits.
pub(super) fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        text.push(char::from(DIGITS[usize::from(byte >> 4)]));
        text.push(char::from(DIGITS[usize::from(byte & 15)]));
    }
    text
}

/// Returns random bytes in the notation of `bytea`.
pub(super) fn bytes(length: usize, rng: &mut Rng) -> String {
    let mut bytes = vec![0; length];
    rng.fill(&mut bytes);
    format!("\\x{}", hex(&bytes))
}

/// Returns a MAC address.
pub(super) fn mac(number: u64, bytes: usize) -> String {
    let all = number.to_be_bytes();
    let digits: Vec<String> = all[all.len() - bytes..].iter().map(|byte| format!("{byte:02x}")).collect();
    digits.join(":")
}

/// Returns an array with these elements ("Array Input and Output Syntax", PostgreSQL documentation).
pub(super) fn array(elements: impl IntoIterator<Item = Option<String>>) -> String {
    let elements: Vec<String> = elements
        .into_iter()
        .map(|element| match element {
            None => "NULL".to_owned(),
            // An element that is an array itself does not occur: PostgreSQL has one type for all dimensions.
            Some(text) => format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"")),
        })
        .collect();
    format!("{{{}}}", elements.join(","))
}

/// Returns a composite value ("Composite Type Input and Output Syntax", PostgreSQL documentation).
pub(super) fn composite(fields: impl Iterator<Item = String>) -> String {
    let fields: Vec<String> =
        fields.map(|text| format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\"\""))).collect();
    format!("({})", fields.join(","))
}

/// Returns a document.
pub(super) fn json(rng: &mut Rng) -> String {
    let channel = ["web", "app", "pos", "telefon ☎"][rng.usize(..4)];
    let (risk, tries, list) = (rng.u8(..100), rng.u8(..4), rng.u16(..));
    match rng.u8(..8) {
        0 => "{}".to_owned(),
        1 => format!("{{\"channel\": \"{channel}\", \"deep\": {{\"list\": [1, null, {list}], \"text\": \"a\\\"b\"}}}}"),
        _ => format!("{{\"channel\": \"{channel}\", \"risk\": 0.{risk:02}, \"tries\": {tries}}}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_have_the_lengths_that_are_asked_for() {
        let mut rng = Rng::with_seed(5);
        for (least, most) in [(1, 1), (3, 3), (0, 10), (10, 200), (64, 64)] {
            for number in 0..100 {
                let length = random(least, most, &mut rng).chars().count();
                assert!(least <= length && length <= most, "{least}..{most}: {length}");
                let length = numbered(number, "zz", least.max(2), most.max(2)).chars().count();
                assert!(least <= length && length <= most.max(2), "{least}..{most}: {length}");
            }
        }
        assert!(big(&mut rng).len() >= 40_000);
    }

    #[test]
    fn numbers_are_written_with_their_scale() {
        assert_eq!((decimal(-5, 2), decimal(12_345, 2), decimal(7, 0)), ("-0.05".into(), "123.45".into(), "7".into()));
    }

    #[test]
    fn elements_are_quoted() {
        assert_eq!(array([Some("a\"b\\c".into()), None]), r#"{"a\"b\\c",NULL}"#);
        assert_eq!(composite(["x\"y".to_owned()].into_iter()), "(\"x\"\"y\")");
    }
}
