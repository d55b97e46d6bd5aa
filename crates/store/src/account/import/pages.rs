//! Questions about many values, in statements of few shapes.

use crate::db::{Row, Tx, Val};
use crate::error::Result;

/// Values that one list has room for: a short one for single messages, a long one for batches. An engine keeps
/// statements that it has seen, and should see few different ones.
const ROOMS: [usize; 2] = [8, 256];

/// Values in one array.
const ARRAY: usize = 1000;

impl Tx<'_> {
    /// Asks `question`, which ends in the name of a column, about all of `values` of that column, and calls `f` for each
    /// row of the answers, in any order. The parameters before the values are `fixed`. A value that is given twice may
    /// be answered twice.
    pub(crate) fn each_in(
        &self,
        question: &str,
        fixed: &[Val<'_>],
        values: &[Val<'_>],
        mut f: impl FnMut(&Row<'_>) -> Result<()>,
    ) -> Result<()> {
        if self.is_shared() {
            return values.chunks(ARRAY).try_for_each(|page| self.each_given(question, fixed, page, &mut f));
        }
        let [short, long] = ROOMS;
        let mut left = values;
        while !left.is_empty() {
            let room = if left.len() <= short { short } else { long };
            let (page, rest) = left.split_at(left.len().min(room));
            left = rest;
            // What is left over of the room repeats the last value.
            let last = page.last().copied().unwrap_or(Val::Null);
            let filler = std::iter::repeat_n(last, room - page.len());
            let params: Vec<Val<'_>> = fixed.iter().chain(page).copied().chain(filler).collect();
            let places: Vec<String> = (fixed.len() + 1..=params.len()).map(|n| format!("?{n}")).collect();
            self.each(&format!("{question} IN ({})", places.join(", ")), &params, &mut f)?;
        }
        Ok(())
    }
}
