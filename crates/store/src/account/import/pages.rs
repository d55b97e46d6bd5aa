//! Questions about many values, `… IN (?2, ?3, …)`, in statements of few shapes.

use crate::db::{Row, Tx, Val};
use crate::error::Result;

/// Values that one question has room for: a short one for single messages, a long one for batches. An engine keeps
/// statements that it has seen, and should see few different ones.
const ROOMS: [usize; 2] = [8, 256];

impl Tx<'_> {
    /// Asks `question`, which ends in `IN`, about all of `values`, and calls `f` for each row of the answers. The
    /// parameters before the list are `fixed`. What is left over of a question's room repeats its last value.
    pub(crate) fn each_in(
        &self,
        question: &str,
        fixed: &[Val<'_>],
        values: &[Val<'_>],
        mut f: impl FnMut(&Row<'_>) -> Result<()>,
    ) -> Result<()> {
        let [short, long] = ROOMS;
        let mut left = values;
        while !left.is_empty() {
            let room = if left.len() <= short { short } else { long };
            let (page, rest) = left.split_at(left.len().min(room));
            left = rest;
            let last = page.last().copied().unwrap_or(Val::Null);
            let filler = std::iter::repeat_n(last, room - page.len());
            let params: Vec<Val<'_>> = fixed.iter().chain(page).copied().chain(filler).collect();
            let places: Vec<String> = (fixed.len() + 1..=params.len()).map(|n| format!("?{n}")).collect();
            self.each(&format!("{question} ({})", places.join(", ")), &params, &mut f)?;
        }
        Ok(())
    }
}
