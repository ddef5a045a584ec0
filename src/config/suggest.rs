//! Suggestions for misspelled words.

/// Returns the known word that is most similar, if any is similar.
fn nearest<'a>(word: &str, known: &[&'a str]) -> Option<&'a str> {
    let similar = known.iter().map(|one| (strsim::jaro_winkler(word, one), *one)).filter(|(score, _)| *score > 0.8);
    similar.max_by(|one, other| one.0.total_cmp(&other.0)).map(|(_, one)| one)
}

/// Returns "did you mean" with the most similar word, or `otherwise` if no word is similar.
pub fn did_you_mean(word: &str, known: &[&str], otherwise: &str) -> String {
    nearest(word, known).map_or_else(|| otherwise.to_owned(), |one| format!("did you mean `{one}`?"))
}

/// Returns "did you mean" with the most similar word, or a list of all known words if no word is similar.
pub fn suggest(key: &str, known: &[&str]) -> String {
    let list = known.iter().map(|one| format!("`{one}`")).collect::<Vec<_>>().join(", ");
    did_you_mean(key, known, &format!("use one of {list}"))
}
