//! One connection to PostgreSQL, driven by the blocking thread that uses it.
//!
//! Store code is synchronous. Were the connection driven by another thread, every statement would pay two thread
//! switches; here the thread that waits for the answer also reads it from the socket, with a limit to every wait.
//! `BEGIN`, savepoints and the like are not waited for: they go out in front of the next statement.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::task::Poll;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use futures_util::{TryStreamExt, future};
use sterna_core::{AccountId, ModSeq};
use tokio::runtime::Runtime;
use tokio_postgres::error::Severity;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, SimpleQueryMessage, Statement};

use super::many::{self, Columns};
use super::{Connector, failure, sql};
use crate::db::val::Val;
use crate::error::{Error, Result};

/// A connection that was idle for longer is asked whether it still stands before it is relied on.
const TRUSTED_FOR: Duration = Duration::from_secs(1);

/// Time that an answer has beyond the server's own limit for a statement.
const GRACE: Duration = Duration::from_secs(5);

/// Statements in flight at once where one is run for many rows.
const IN_FLIGHT: usize = 256;

type Driver = Pin<Box<dyn Future<Output = std::result::Result<(), tokio_postgres::Error>> + Send>>;
type PgResult<T> = std::result::Result<T, tokio_postgres::Error>;

pub(crate) struct Conn {
    /// `None` only while it is dropped.
    runtime: Option<Runtime>,
    client: Client,
    /// Moves bytes; `None` once the connection has ended.
    driver: RefCell<Option<Driver>>,
    /// By text, then by the kinds of the parameters.
    statements: RefCell<HashMap<String, HashMap<Vec<Kind>, Statement>>>,
    /// Goes out in front of the next statement.
    pending: RefCell<String>,
    /// The transaction has met an error and takes nothing until it is undone.
    failed: Cell<bool>,
    broken: Cell<bool>,
    used: Cell<Instant>,
    limit: Duration,
}

/// What a parameter is to the server. The type of a NULL is worked out by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Kind {
    Null,
    Int,
    Text,
    Blob,
}

impl Kind {
    pub fn of(value: &Val<'_>) -> Kind {
        match value {
            Val::Null => Kind::Null,
            Val::Int(_) => Kind::Int,
            Val::Text(_) => Kind::Text,
            Val::Blob(_) => Kind::Blob,
        }
    }

    fn pg_type(self) -> Type {
        match self {
            Kind::Null => Type::UNKNOWN,
            Kind::Int => Type::INT8,
            Kind::Text => Type::TEXT,
            Kind::Blob => Type::BYTEA,
        }
    }
}

impl Conn {
    /// Connects. Blocking, for [`Connector`]'s time at most.
    pub fn open(connector: &Connector) -> Result<Conn> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|e| Error::Internal(format!("no runtime for a database connection: {e}")))?;
        let connected = runtime.block_on(async { tokio::time::timeout(connector.wait, connector.connect()).await });
        let (client, driver) = connected.map_err(|_| Error::Unavailable("the database does not answer".into()))??;
        let conn = Conn {
            runtime: Some(runtime),
            client,
            driver: RefCell::new(Some(driver)),
            statements: RefCell::default(),
            pending: RefCell::default(),
            failed: Cell::new(false),
            broken: Cell::new(false),
            used: Cell::new(Instant::now()),
            limit: connector.statement_timeout + GRACE,
        };
        conn.batch(&connector.session_settings())?;
        Ok(conn)
    }

    /// Not worth keeping: the connection is lost, or in a state that is not known.
    pub fn is_broken(&self) -> bool {
        self.broken.get() || self.client.is_closed()
    }

    /// Begins a transaction; an idle connection first has to show that it still stands.
    pub fn begin(&self, sql: &str) -> Result<()> {
        self.failed.set(false);
        self.later(sql);
        if self.used.get().elapsed() > TRUSTED_FOR { self.batch("") } else { Ok(()) }
    }

    /// Ends a read. Nothing is waited for: the answer is read by the next transaction.
    pub fn end_read(&self) -> bool {
        let unsent = std::mem::take(&mut *self.pending.borrow_mut());
        if self.is_broken() {
            return false;
        }
        self.used.set(Instant::now());
        if !unsent.is_empty() {
            return true;
        }
        let Some(runtime) = &self.runtime else { return false };
        runtime.block_on(async {
            let mut rollback = pin!(self.client.batch_execute("ROLLBACK"));
            poll_fn(|cx| {
                let ended = matches!(rollback.as_mut().poll(cx), Poll::Ready(Err(_)));
                Poll::Ready(!ended && !self.drive(cx))
            })
            .await
        })
    }

    /// Commits, and tells the account's clock.
    pub fn commit(&self, account: AccountId) -> Result<ModSeq> {
        if self.failed.get() {
            return Err(Error::Internal("a failed transaction cannot be committed".into()));
        }
        let mut sql = std::mem::take(&mut *self.pending.borrow_mut());
        // An error of the first statement keeps the second from being run.
        sql.push_str(&format!("SELECT modseq FROM account_state WHERE account_id = {account}; COMMIT"));
        let answers = self.run(self.client.simple_query(&sql))?;
        let clock = answers.iter().rev().find_map(|m| match m {
            SimpleQueryMessage::Row(row) => row.get(0).and_then(|text| text.parse().ok()),
            _ => None,
        });
        Ok(ModSeq(clock.unwrap_or(0)))
    }

    /// Statements without parameters that go out in front of the next one.
    pub fn later(&self, sql: &str) {
        let mut pending = self.pending.borrow_mut();
        pending.push_str(sql);
        pending.push(';');
    }

    /// Ends a savepoint's job well; an error that the job passed over in silence is told here.
    pub fn release(&self) -> Result<()> {
        if self.failed.get() {
            return Err(Error::Internal("a job passed over an error of the database".into()));
        }
        self.later("RELEASE SAVEPOINT job");
        Ok(())
    }

    /// Ends a savepoint's job badly.
    pub fn undo(&self) -> Result<()> {
        self.batch("ROLLBACK TO SAVEPOINT job; RELEASE SAVEPOINT job")?;
        self.failed.set(false);
        Ok(())
    }

    /// Statements without parameters and without results.
    pub fn batch(&self, sql: &str) -> Result<()> {
        let mut all = std::mem::take(&mut *self.pending.borrow_mut());
        all.push_str(sql);
        self.run(self.client.batch_execute(&all))
    }

    pub fn execute(&self, sql: &str, params: &[Val<'_>]) -> Result<usize> {
        let statement = self.statement(sql, params)?;
        let changed = self.run(self.client.execute_raw(&statement, parameters(params)))?;
        usize::try_from(changed).map_err(|_| Error::Internal("too many rows".into()))
    }

    pub fn query(&self, sql: &str, params: &[Val<'_>]) -> Result<Vec<tokio_postgres::Row>> {
        let statement = self.statement(sql, params)?;
        self.run(async { self.client.query_raw(&statement, parameters(params)).await?.try_collect().await })
    }

    /// Asks a question about each of many values: `unnest` and a lookup by index for each.
    pub fn query_given(
        &self,
        question: &str,
        fixed: &[Val<'_>],
        values: &[Val<'_>],
    ) -> Result<Vec<tokio_postgres::Row>> {
        refuse_nul(fixed)?;
        refuse_nul(values)?;
        let rows: Vec<[Val<'_>; 1]> = values.iter().map(|value| [*value]).collect();
        let columns = Columns::of(&rows);
        let Some(array) = columns.kinds.first().and_then(|kind| sql::array_type(*kind)) else { return Ok(Vec::new()) };
        let kinds: Vec<Kind> = fixed.iter().map(Kind::of).chain(columns.kinds.iter().copied()).collect();
        let types: Vec<Type> = fixed.iter().map(|v| Kind::of(v).pg_type()).chain(columns.types()).collect();
        let statement = self.prepared(&sql::for_each(question, fixed.len() + 1, array), &kinds, &types)?;
        let all: Vec<&(dyn ToSql + Sync)> = parameters(fixed).chain(columns.parameters()).collect();
        self.run(async { self.client.query_raw(&statement, all).await?.try_collect().await })
    }

    /// One `INSERT … VALUES` becomes one statement over arrays; anything else is sent for each row without waiting.
    pub fn execute_many<const N: usize>(&self, sql: &str, rows: &[[Val<'_>; N]]) -> Result<()> {
        for rows in rows.chunks(many::ROWS) {
            rows.iter().try_for_each(|row| refuse_nul(row))?;
            let columns = Columns::of(rows);
            match sql::over_arrays(sql, &columns.kinds) {
                Some(over_arrays) => {
                    let statement = self.prepared(&over_arrays, &columns.kinds, &columns.types())?;
                    self.run(self.client.execute_raw(&statement, columns.parameters()))?;
                }
                None => self.each_row(sql, rows)?,
            }
        }
        Ok(())
    }

    fn each_row<const N: usize>(&self, sql: &str, rows: &[[Val<'_>; N]]) -> Result<()> {
        for rows in rows.chunks(IN_FLIGHT) {
            let statements = rows.iter().map(|row| self.statement(sql, row)).collect::<Result<Vec<_>>>()?;
            self.run(async {
                let all = rows.iter().zip(&statements).map(|(row, s)| self.client.execute_raw(s, parameters(row)));
                join_all(all).await.into_iter().try_for_each(|changed| changed.map(drop))
            })?;
        }
        Ok(())
    }

    fn statement(&self, sql: &str, params: &[Val<'_>]) -> Result<Statement> {
        refuse_nul(params)?;
        let kinds: Vec<Kind> = params.iter().map(Kind::of).collect();
        if let Some(known) = self.statements.borrow().get(sql).and_then(|by_kinds| by_kinds.get(&kinds)) {
            return Ok(known.clone());
        }
        let types: Vec<Type> = kinds.iter().map(|k| k.pg_type()).collect();
        self.prepare(sql, &sql::numbered(sql), kinds, &types)
    }

    fn prepared(&self, sql: &str, kinds: &[Kind], types: &[Type]) -> Result<Statement> {
        if let Some(known) = self.statements.borrow().get(sql).and_then(|by_kinds| by_kinds.get(kinds)) {
            return Ok(known.clone());
        }
        self.prepare(sql, sql, kinds.to_vec(), types)
    }

    fn prepare(&self, key: &str, sql: &str, kinds: Vec<Kind>, types: &[Type]) -> Result<Statement> {
        let statement = self.run(self.client.prepare_typed(sql, types))?;
        self.statements.borrow_mut().entry(key.to_owned()).or_default().insert(kinds, statement.clone());
        Ok(statement)
    }

    /// Sends what is pending and then `work`, and waits for both.
    fn run<T>(&self, work: impl Future<Output = PgResult<T>>) -> Result<T> {
        let pending = std::mem::take(&mut *self.pending.borrow_mut());
        if pending.is_empty() {
            return self.wait(work);
        }
        // Polled in this order, sent in this order.
        let first = self.client.batch_execute(&pending);
        self.wait(async {
            let (first, work) = future::join(first, work).await;
            first.and(work)
        })
    }

    fn wait<T>(&self, work: impl Future<Output = PgResult<T>>) -> Result<T> {
        let Some(runtime) = &self.runtime else { return Err(lost()) };
        if self.is_broken() {
            return Err(lost());
        }
        let result = runtime.block_on(async {
            let mut work = pin!(work);
            let both = poll_fn(|cx| {
                if let Poll::Ready(done) = work.as_mut().poll(cx) {
                    return Poll::Ready(done.map_err(Some));
                }
                let ended = self.drive(cx);
                match work.as_mut().poll(cx) {
                    Poll::Ready(done) => Poll::Ready(done.map_err(Some)),
                    Poll::Pending if ended => Poll::Ready(Err(None)),
                    Poll::Pending => Poll::Pending,
                }
            });
            tokio::time::timeout(self.limit, both).await
        });
        self.used.set(Instant::now());
        let result = result.map(|done| done.map_err(|e| self.told(&e))).unwrap_or_else(|_| {
            // What the server makes of it is not known.
            self.broken.set(true);
            Err(Error::Unavailable("the database did not answer in time".into()))
        });
        self.failed.set(self.failed.get() || result.is_err());
        result
    }

    /// What went wrong; `None`: the connection ended.
    fn told(&self, e: &Option<tokio_postgres::Error>) -> Error {
        let Some(e) = e else { return lost() };
        // The server's last words on this connection: it may not have ended yet.
        let severity = e.as_db_error().and_then(|db| db.parsed_severity());
        if matches!(severity, Some(Severity::Fatal | Severity::Panic)) {
            self.broken.set(true);
        }
        failure(e)
    }

    /// Lets the connection read and write; `true` once it has ended.
    fn drive(&self, cx: &mut std::task::Context<'_>) -> bool {
        let mut driver = self.driver.borrow_mut();
        let ended = match driver.as_mut() {
            Some(open) => open.as_mut().poll(cx).is_ready(),
            None => true,
        };
        if ended {
            *driver = None;
            self.broken.set(true);
        }
        ended
    }
}

impl Drop for Conn {
    fn drop(&mut self) {
        // Closes the socket, which ends the transaction. A runtime may not be dropped where tasks run.
        self.driver.borrow_mut().take();
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

fn lost() -> Error {
    Error::Unavailable("the connection to the database is lost".into())
}

fn parameters<'p>(params: &'p [Val<'p>]) -> impl ExactSizeIterator<Item = &'p (dyn ToSql + Sync)> {
    params.iter().map(|value| value as &(dyn ToSql + Sync))
}

/// PostgreSQL's text holds every character but this one.
fn refuse_nul(params: &[Val<'_>]) -> Result<()> {
    match params.iter().any(|p| matches!(p, Val::Text(text) if text.contains('\0'))) {
        true => Err(Error::Invalid("a text with a NUL character cannot be stored".into())),
        false => Ok(()),
    }
}
