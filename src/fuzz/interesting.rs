//! What parsers of every language stumble over.

/// Numbers at the ends of the ranges of types, and beyond.
#[rustfmt::skip]
pub(crate) const NUMBERS: &[&str] = &[
    "0",
    "-0",
    "-1",
    "1",
    "127",
    "255",
    "256",
    "65535",
    "65536",
    "2147483647",
    "2147483648",
    "4294967295",
    "4294967296",
    "9223372036854775807",
    "9223372036854775808",
    "-9223372036854775808",
    "-9223372036854775809",
    "18446744073709551615",
    "18446744073709551616",
    "99999999999999999999999999999999999999999",
    "1e308",
    "1e309",
    "-1e309",
    "1e-400",
    "0.1",
    "NaN",
    "inf",
    "0x7fffffffffffffff",
    "00",
    "1_000",
];

/// Characters that terminals obey, that look like others, that have no width, or that are the longest ones.
#[rustfmt::skip]
pub(crate) const CHARACTERS: &[&str] = &[
    "\0", "\u{1}", "\u{7}", "\u{8}", "\t", "\n", "\r", "\r\n", "\u{1b}[2J", "\u{1b}]0;x\u{7}", "\u{7f}", "\u{85}",
    "\u{9b}31m", "\u{a0}", "é", "e\u{301}", "ß", "İ", "\u{200b}", "\u{202e}", "\u{2028}", "\u{feff}", "\u{fffd}",
    "\u{ffff}", "😀", "\u{10ffff}",
];

/// Bytes that are not UTF-8: lone continuations, overlong forms, surrogates, what is cut off.
pub(crate) const NOT_UTF8: &[&[u8]] =
    &[b"\x80", b"\xbf", b"\xc0\x80", b"\xc3", b"\xe2\x82", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xff", b"\xfe\xff"];

/// What opens and closes a level in some language.
#[rustfmt::skip]
pub(crate) const LEVELS: &[(&str, &str)] = &[
    ("[", "]"),
    ("{", "}"),
    ("(", ")"),
    ("[[", "]]"),
    ("{\"a\":", "}"),
    ("{a=", "}"),
    ("\"", "\""),
    ("'", "'"),
    ("a.", ""),
    ("a/", ""),
    ("%", ""),
    ("%a", ""),
    ("*a", ""),
    ("${", "}"),
    ("<", ">"),
    ("\\", ""),
    ("-", ""),
];

/// How many levels: around the limits that parsers have, and far beyond.
pub(crate) const DEPTHS: &[usize] = &[1, 2, 3, 8, 20, 60, 79, 80, 81, 126, 127, 128, 129, 300, 1_000];
/// As many levels as exhaust a stack.
pub(crate) const DEEP: usize = 12_000;
