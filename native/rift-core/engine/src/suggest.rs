//! Nearest valid name for a mistyped one.

/// The name among `known` with the smallest edit distance to `name`, when it is near enough to be meant:
/// at most a third of the longer name's length, or one name containing the other.
pub fn nearest<'a>(name: &str, known: &'a [String]) -> Option<&'a str> {
    known
        .iter()
        .map(|candidate| (distance(name, candidate), candidate))
        .filter(|(d, candidate)| {
            *d * 3 <= name.len().max(candidate.len()) || candidate.contains(name) || name.contains(candidate.as_str())
        })
        .min_by_key(|(d, _)| *d)
        .map(|(_, candidate)| candidate.as_str())
}

/// Levenshtein distance in characters.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, ca) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, cb) in b.iter().enumerate() {
            let substituted = diagonal + usize::from(ca != *cb);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_typo_finds_its_name_and_nonsense_finds_none() {
        let known = ["layer2.1.conv2".to_string(), "linear".to_string()];
        assert_eq!(nearest("layer2.1.cov2", &known), Some("layer2.1.conv2"));
        assert_eq!(nearest("linaer", &known), Some("linear"));
        assert_eq!(nearest("zzzzzz", &known), None);
    }
}
