//! Queries of a random search that are asked ahead of their turn. Each query starts from the best point so far, so those
//! behind one that changed it were asked in vain; but few change it, and small batches cost nearly as much as larger ones.

use tch::Tensor;

use super::loss::is_right;
use super::tries::Key;
use crate::error::Result;
use crate::evaluate::bytes;

/// What a forward pass costs apart from its rows, in rows: 1.3 ms for .4 ms a row (ResNet-18 of width 16, one thread).
const FIXED_COST: f64 = 3.0;
/// Most queries of a row at once.
const MOST: u32 = 32;
/// Weight of the past, at each look, in the share of queries that changed something.
const MEMORY: f64 = 0.98;

/// A query of an active row.
pub struct Asked {
    /// The row.
    pub row: usize,
    /// What keys its randomness.
    pub key: Key,
    /// The query's number.
    pub query: u32,
}

/// How far each row is, and how far to look ahead.
pub struct LookAhead {
    next: Vec<u32>,
    queries: u32,
    most: u32,
    asked: f64,
    changed: f64,
}

impl LookAhead {
    /// Rows before the first of `queries` queries; with `one_by_one`, all rows stay at the same query.
    pub fn new(rows: usize, queries: u32, one_by_one: bool) -> Self {
        let most = if one_by_one { 1 } else { MOST };
        // At first every query is taken to change something.
        Self { next: vec![0; rows], queries, most, asked: 1.0, changed: 1.0 }
    }

    /// The next queries of every row that has some left: neighbours, in their order.
    pub fn ask(&self, keys: &[Key]) -> Vec<Asked> {
        let ahead = self.ahead(keys.len());
        let of_row = |(row, key): (usize, &Key)| {
            let (first, key) = (self.next[row], *key);
            (first..self.queries.min(first + ahead)).map(move |query| Asked { row, key, query })
        };
        keys.iter().enumerate().flat_map(of_row).collect()
    }

    /// The number of queries whose progress per cost is best.
    fn ahead(&self, rows: usize) -> u32 {
        let change = (self.changed / self.asked).clamp(1e-3, 1.0);
        let progress = |count: u32| (1.0 - (1.0 - change).powi(count as i32)) / change;
        let pace = |count: u32| progress(count) / (FIXED_COST + rows as f64 * f64::from(count));
        (1..=self.most).max_by(|one, other| pace(*one).total_cmp(&pace(*other))).unwrap_or(1)
    }

    /// Takes in whether each asked query changed something. Of each row, the position in `asked` of the first that did, or of
    /// its last, and the number of its queries that count: those up to there.
    pub fn answer(&mut self, asked: &[Asked], changed: &[u8]) -> (Vec<i64>, Vec<i64>) {
        let (mut chosen, mut count) = (Vec::new(), Vec::new());
        let mut first = 0;
        for of_row in asked.chunk_by(|one, next| one.row == next.row) {
            let found = changed[first..first + of_row.len()].iter().position(|changed| *changed == 1);
            let at = found.unwrap_or(of_row.len() - 1);
            self.next[of_row[0].row] += at as u32 + 1;
            self.asked = self.asked * MEMORY + at as f64 + 1.0;
            self.changed = self.changed * MEMORY + f64::from(u8::from(found.is_some()));
            chosen.push((first + at) as i64);
            count.push(at as i64 + 1);
            first += of_row.len();
        }
        (chosen, count)
    }

    /// Keeps the rows `stay`.
    pub fn keep(&mut self, stay: &[i64]) {
        self.next = stay.iter().map(|row| self.next[*row as usize]).collect();
    }

    /// Rows with all their queries behind them.
    pub fn through(&self) -> Vec<i64> {
        let rows = self.next.iter().enumerate().filter(|(_, next)| **next >= self.queries);
        rows.map(|(row, _)| row as i64).collect()
    }
}

/// 1 for each point that is better than the best one of its row, or that the network gets wrong.
pub fn changes(logits: &Tensor, labels: &Tensor, value: &Tensor, best: &Tensor) -> Result<Vec<u8>> {
    bytes(&value.f_lt_tensor(best)?.f_logical_or(&is_right(logits, labels)?.f_logical_not()?)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(count: u64) -> Vec<Key> {
        (0..count).map(|id| Key { id, pass: 0 }).collect()
    }

    #[test]
    fn a_row_goes_on_behind_its_first_change() {
        let mut ahead = LookAhead::new(2, 100, false);
        (ahead.asked, ahead.changed) = (1000.0, 1.0);
        let asked = ahead.ask(&keys(2));
        let each = asked.len() / 2;
        assert!(each > 2);
        let mut changed = vec![0; asked.len()];
        (changed[1], changed[2]) = (1, 1);
        let (chosen, count) = ahead.answer(&asked, &changed);
        assert_eq!(chosen, [1, 2 * each as i64 - 1]);
        assert_eq!(count, [2, each as i64]);
        let asked = ahead.ask(&keys(2));
        assert_eq!(asked[0].query, 2);
        assert_eq!(asked.iter().find(|asked| asked.row == 1).map(|asked| asked.query), Some(each as u32));
    }

    #[test]
    fn the_fewer_rows_and_changes_the_farther_it_looks() {
        let ahead = |rows: usize, changed: f64| {
            LookAhead { next: vec![], queries: 0, most: MOST, asked: 1.0, changed }.ahead(rows)
        };
        assert_eq!(ahead(9, 1.0), 1);
        assert!(ahead(9, 0.01) > ahead(9, 0.1) && ahead(1, 0.01) > ahead(9, 0.01));
        assert!(ahead(256, 0.02) <= 2, "full batches gain nothing");
    }

    #[test]
    fn no_row_is_asked_more_than_its_queries() {
        let mut ahead = LookAhead::new(2, 3, false);
        (ahead.asked, ahead.changed) = (1000.0, 1.0);
        let asked = ahead.ask(&keys(2));
        assert_eq!(asked.len(), 6);
        let _ = ahead.answer(&asked, &[1, 0, 0, 0, 0, 0]);
        assert_eq!(ahead.through(), [1]);
        ahead.keep(&[0]);
        assert_eq!(ahead.ask(&keys(1)).len(), 2);
    }
}
