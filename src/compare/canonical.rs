//! One text for all definitions that mean the same.
//!
//! A server writes an expression as it has parsed it, and parses it again after a dump. The second text has other
//! parentheses and other casts than the first: `a >= 1 AND a <= 9 AND b` becomes `(a >= 1 AND a <= 9) AND b`, and
//! `(ARRAY['x'::character varying])::text[]` becomes `ARRAY[('x'::character varying)::text]`. Here, both get one form.
//!
//! *Assumptions*: The text was written by a server (`pg_get_constraintdef` and similar functions), which puts the
//! arguments of a function directly after its name, and other parentheses after a space.
//!
//! *Caveats*: The result is only for comparisons; it is not SQL.

use super::tokens::{Token, tokens};

/// A word, or a list in parentheses or brackets.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Node {
    Word(String),
    List {
        open: char,
        /// Whether it directly follows a name, as arguments do.
        is_call: bool,
        items: Vec<Vec<Node>>,
    },
}

/// Returns the canonical form of a definition.
pub(super) fn canonical(text: &str) -> String {
    of_tokens(tokens(text))
}

/// Returns the canonical form without the tables before the names of columns, and without schemas.
pub(super) fn unqualified(text: &str) -> String {
    let mut kept: Vec<Token> = Vec::new();
    for token in tokens(text) {
        let length = kept.len();
        if is_name(&token.text) && length >= 2 && kept[length - 1].text == "." && is_name(&kept[length - 2].text) {
            let is_spaced = kept[length - 2].is_spaced;
            kept.truncate(length - 2);
            kept.push(Token { is_spaced, ..token });
        } else {
            kept.push(token);
        }
    }
    of_tokens(kept)
}

fn of_tokens(tokens: Vec<Token>) -> String {
    if depth(&tokens) > MAX_DEPTH {
        return tokens.into_iter().map(|token| token.text).collect::<Vec<_>>().join(" ");
    }
    let mut at = 0;
    let mut words = Vec::new();
    // A closing parenthesis too many cannot be; if it is there, what follows it still counts.
    while at < tokens.len() {
        let (items, end) = parse(&tokens, at);
        words.extend(items.into_iter().map(|item| written(&simplified(item))));
        at = end + 1;
    }
    words.join(" , ").replace("EXECUTE PROCEDURE", "EXECUTE FUNCTION")
}

/// The depth of parentheses up to which a text is simplified: each level needs space on the stack.
const MAX_DEPTH: usize = 200;

fn depth(tokens: &[Token]) -> usize {
    let mut depth = (0_usize, 0);
    for token in tokens {
        match token.text.as_str() {
            "(" | "[" => depth.0 += 1,
            ")" | "]" => depth.0 = depth.0.saturating_sub(1),
            _ => {}
        }
        depth.1 = depth.1.max(depth.0);
    }
    depth.1
}

/// Reads the items up to the closing parenthesis, and returns its position.
fn parse(tokens: &[Token], mut at: usize) -> (Vec<Vec<Node>>, usize) {
    let mut items = vec![Vec::new()];
    while let Some(token) = tokens.get(at) {
        let text = token.text.as_str();
        let last = items.len() - 1;
        match text {
            ")" | "]" => return (items, at),
            "," => items.push(Vec::new()),
            "(" | "[" => {
                let (inside, end) = parse(tokens, at + 1);
                let is_call = !token.is_spaced && matches!(items[last].last(), Some(Node::Word(word)) if is_name(word));
                items[last].push(Node::List { open: if text == "(" { '(' } else { '[' }, is_call, items: inside });
                at = end;
            }
            _ => items[last].push(Node::Word(text.to_owned())),
        }
        at += 1;
    }
    (items, at)
}

fn is_name(word: &str) -> bool {
    word.starts_with(|first: char| first.is_alphanumeric() || first == '_' || first == '"')
}

fn is_word(node: &Node, expected: &str) -> bool {
    matches!(node, Node::Word(word) if word == expected)
}

/// Simplifies from the inside to the outside.
fn simplified(nodes: Vec<Node>) -> Vec<Node> {
    let inner = nodes.into_iter().map(|node| match node {
        Node::List { open, is_call, items } => {
            Node::List { open, is_call, items: items.into_iter().map(simplified).collect() }
        }
        word @ Node::Word(_) => word,
    });
    let mut nodes: Vec<Node> = inner.flat_map(unwrapped).collect();
    nodes = with_types(nodes);
    nodes = with_casts(nodes);
    flattened(flattened(nodes, "AND", "OR"), "OR", "AND")
}

/// Removes parentheses that change nothing: around one value with its casts, or around other parentheses.
fn unwrapped(node: Node) -> Vec<Node> {
    match node {
        Node::List { open: '(', is_call: false, mut items } if items.len() == 1 => {
            let item = items.remove(0);
            if is_one_value(&item) { item } else { vec![Node::List { open: '(', is_call: false, items: vec![item] }] }
        }
        other => vec![other],
    }
}

/// Returns whether nodes are one value: a name or a literal with arguments, parts and casts, or one list.
fn is_one_value(nodes: &[Node]) -> bool {
    match nodes {
        [Node::List { open: '(', is_call: false, .. }] => true,
        [Node::Word(minus), Node::Word(number)] if minus == "-" => number.starts_with(|first: char| first.is_numeric()),
        [Node::Word(first), rest @ ..] => {
            let is_negative = first.strip_prefix('-').is_some_and(is_number);
            let is_value = is_negative || is_name(first) || first.starts_with(['\'', ':']);
            let follows = |node: &Node| match node {
                Node::Word(word) => word.starts_with("::") || word == ".",
                Node::List { open, is_call, .. } => *is_call || *open == '[',
            };
            let after_dot = |at: usize| at > 0 && is_word(&rest[at - 1], ".");
            is_value && rest.iter().enumerate().all(|(at, node)| follows(node) || after_dot(at))
        }
        _ => false,
    }
}

/// Joins the words of each cast to one word: `::`, the type with its length, and `[]`.
fn with_types(nodes: Vec<Node>) -> Vec<Node> {
    const SECOND: &[&str] = &["varying", "precision", "with", "without", "time", "zone"];
    let mut result: Vec<Node> = Vec::new();
    let mut rest = nodes.into_iter().peekable();
    while let Some(node) = rest.next() {
        if !is_word(&node, "::") {
            result.push(node);
            continue;
        }
        let mut text = "::".to_owned();
        let mut is_first = true;
        while let Some(next) = rest.peek() {
            let belongs = match next {
                Node::Word(word) => is_first || word == "." || text.ends_with('.') || SECOND.contains(&word.as_str()),
                Node::List { open: '[', items, .. } => items.iter().all(Vec::is_empty),
                Node::List { is_call, .. } => *is_call,
            };
            if !belongs {
                break;
            }
            match next {
                Node::Word(word) => {
                    let space = if is_first || word == "." || text.ends_with('.') { "" } else { " " };
                    text.push_str(&format!("{space}{word}"));
                }
                list @ Node::List { .. } => text.push_str(&written(std::slice::from_ref(list))),
            }
            is_first = false;
            rest.next();
        }
        result.push(Node::Word(text));
    }
    result
}

/// Moves the cast of an array to its elements, and removes casts of literals between types of text.
fn with_casts(nodes: Vec<Node>) -> Vec<Node> {
    let mut result: Vec<Node> = Vec::new();
    for node in nodes {
        let cast = match &node {
            Node::Word(word) => word.strip_prefix("::").map(str::to_owned),
            Node::List { .. } => None,
        };
        let Some(kind) = cast else {
            result.push(node);
            continue;
        };
        let length = result.len();
        let is_array = length >= 2 && is_word(&result[length - 2], "ARRAY");
        match (kind.strip_suffix("[ ]"), result.last_mut()) {
            (Some(element), Some(Node::List { open: '[', items, .. })) if is_array => {
                for item in items.iter_mut().filter(|item| !item.is_empty()) {
                    item.push(Node::Word(format!("::{element}")));
                    // What is inside is simplified already; only the new cast is not.
                    *item = with_casts(std::mem::take(item));
                }
            }
            (None, Some(Node::Word(literal))) if literal.starts_with('\'') && is_text(&kind) => {}
            (None, Some(Node::Word(literal))) if is_integer(literal) && kind == "integer" => {
                *literal = literal.trim_matches('\'').to_owned();
            }
            _ => result.push(node),
        }
    }
    match &result[..] {
        [Node::Word(minus), Node::Word(number)] if minus == "-" && is_number(number) => {
            vec![Node::Word(format!("-{number}"))]
        }
        _ => result,
    }
}

fn is_text(kind: &str) -> bool {
    ["text", "character varying", "bpchar"].contains(&kind)
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_integer(literal: &str) -> bool {
    let quoted = literal.strip_prefix('\'').and_then(|rest| rest.strip_suffix('\''));
    quoted.is_some_and(|digits| is_number(digits.strip_prefix('-').unwrap_or(digits)))
}

/// Removes the parentheses around an operand that has the same operator: `(a AND b) AND c` is `a AND b AND c`.
fn flattened(nodes: Vec<Node>, operator: &str, other: &str) -> Vec<Node> {
    let joins = |nodes: &[Node]| {
        nodes.iter().any(|node| is_word(node, operator))
            && !nodes.iter().any(|node| is_word(node, other) || is_word(node, "BETWEEN") || is_word(node, "CASE"))
    };
    if !joins(&nodes) {
        return nodes;
    }
    let mut result = Vec::new();
    let count = nodes.len();
    let starts: Vec<bool> = (0..count).map(|at| at == 0 || is_word(&nodes[at - 1], operator)).collect();
    let ends: Vec<bool> = (0..count).map(|at| at + 1 == count || is_word(&nodes[at + 1], operator)).collect();
    for (at, node) in nodes.into_iter().enumerate() {
        match node {
            Node::List { open: '(', is_call: false, mut items }
                if starts[at] && ends[at] && items.len() == 1 && joins(&items[0]) =>
            {
                result.extend(items.remove(0));
            }
            node => result.push(node),
        }
    }
    result
}

fn written(nodes: &[Node]) -> String {
    let texts = nodes.iter().map(|node| match node {
        Node::Word(word) => word.clone(),
        Node::List { open, items, .. } => {
            let items = items.iter().map(|item| written(item)).collect::<Vec<_>>().join(" , ");
            format!("{open} {items}{}{}", if items.is_empty() { "" } else { " " }, if *open == '(' { ')' } else { ']' })
        }
    });
    texts.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use infra_fuzz::{Syntax, Target};

    use super::*;

    /// What a hostile server writes: it must neither exhaust the stack nor take for ever.
    #[test]
    fn fuzz_definitions() {
        const CORPUS: &[&str] = &[
            "CHECK (((status)::text = ANY ((ARRAY['new'::character varying, 'paid'::character varying])::text[])))",
            "CHECK (((x >= 1) AND (x <= 9) AND (y > 0)) OR (a BETWEEN 1 AND 2))",
            "CREATE TRIGGER t BEFORE INSERT ON s.a FOR EACH ROW EXECUTE PROCEDURE s.f('a', E'b\\'c')",
            "CREATE INDEX i ON public.\"T\" USING btree (lower((a)::text), b DESC) WHERE (NOT (c = '-1'::integer))",
            "(x)::numeric(10,2) + (ARRAY[ARRAY[1, 2], ARRAY[3]])::bigint[]",
        ];
        #[rustfmt::skip]
        const TOKENS: &[&str] = &[
            "(", ")", "[", "]", ",", ".", "::", "::text", "::text[]", "ARRAY[", " AND ", " OR ", " BETWEEN ", " CASE ",
            "'", "''", "E'", "\"", "\\", "$$", "- 1", "a", "varying", "precision", "NOT ", "EXECUTE PROCEDURE",
        ];
        let run = |input: &[u8]| {
            let text = String::from_utf8_lossy(input);
            canonical(&text);
            unqualified(&text);
            // All texts have a form; those that can be simplified count as accepted.
            depth(&tokens(&text)) <= MAX_DEPTH
        };
        let corpus = CORPUS.iter().map(|text| text.as_bytes().to_vec()).collect();
        let test = "canonical::tests::fuzz_definitions";
        Target { test, syntax: Syntax::Text, corpus, tokens: TOKENS, run }.check();
    }

    #[track_caller]
    fn same(one: &str, other: &str) {
        assert_eq!(canonical(one), canonical(other));
    }

    #[track_caller]
    fn differ(one: &str, other: &str) {
        assert_ne!(canonical(one), canonical(other));
    }

    #[test]
    fn a_definition_that_was_parsed_again_is_the_same() {
        same(
            "CHECK (((status)::text = ANY ((ARRAY['new'::character varying, 'paid'::character varying])::text[])))",
            "CHECK (((status)::text = ANY (ARRAY[('new'::character varying)::text, \
             ('paid'::character varying)::text])))",
        );
        same("CHECK (((x >= 1) AND (x <= 9) AND (y > 0)))", "CHECK ((((x >= 1) AND (x <= 9)) AND (y > 0)))");
        same("CHECK (((a OR b) OR (c AND d)))", "CHECK ((a OR b OR (c AND d)))");
        same("'-1'::integer", "(-1)");
        same("'x'::character varying", "'x'::text");
        same(
            "CREATE TRIGGER t BEFORE INSERT ON s.a FOR EACH ROW EXECUTE PROCEDURE s.f()",
            "CREATE TRIGGER t BEFORE INSERT ON s.a FOR EACH ROW EXECUTE FUNCTION s.f()",
        );
    }

    #[test]
    fn another_meaning_is_not_the_same() {
        differ("CHECK ((a = ANY (ARRAY['new'::text])))", "CHECK ((a = ANY (ARRAY['new'::text, 'paid'::text])))");
        differ("((a + b) * c)", "(a + (b * c))");
        differ("((a AND b) OR c)", "(a AND (b OR c))");
        differ("(NOT (a AND b))", "((NOT a) AND b)");
        differ("'it''s'::text", "'its'::text");
        differ("'x'::character varying(1)", "'x'::character varying(2)");
        differ("('a b'::text)", "('a  b'::text)");
        differ("\"a b\"", "a b");
        differ("(x)::numeric(10,2)", "(x)::numeric(10,3)");
        differ("f(a, b)", "f(b, a)");
        differ("(x)::timestamp with time zone", "(x)::timestamp without time zone");
        differ("'1'::bigint", "'2'::bigint");
        differ("(a)::text", "a");
        differ("(- 1)", "1");
    }

    #[test]
    fn nested_casts_of_arrays_took_twice_as_long_for_each_level() {
        let text = format!("{}'a'{}", "ARRAY[".repeat(60), "]::text[]".repeat(60));
        assert!(canonical(&text).starts_with("ARRAY"));
    }

    #[test]
    fn any_text_has_a_canonical_form() {
        for text in
            ["", ")", "((", "a)b(", "'open", "\"open", "$$ body", "ARRAY[]::text[]", "::", "- -", ",,", "[", "]x"]
        {
            canonical(text);
        }
    }
}
