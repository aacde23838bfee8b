//! Peers that answer too much, too little, or break off; pynetdicom plays them.

use std::net::SocketAddr;
use std::process::Stdio;

use baize_core::ports::Retrieval;
use baize_dicom::scu::{Level, Query, QueryCharset, Wanted};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

use crate::support::scu;

/// An archive that does as its argument says. Prints its port, and ends with its input.
const PYNETDICOM: &str = r"
import sys
from pynetdicom import AE, evt
from pynetdicom.sop_class import StudyRootQueryRetrieveInformationModelFind as Find
from pynetdicom.sop_class import StudyRootQueryRetrieveInformationModelMove as Move
from pydicom.dataset import Dataset

does = sys.argv[1]

def row(number):
    answer = Dataset()
    answer.QueryRetrieveLevel = 'STUDY'
    answer.StudyInstanceUID = '1.2.%d' % number
    return answer

def find(event):
    number = 0
    while True:
        number += 1
        if does == 'endless' and event.is_cancelled:
            yield 0xFE00, None
            return
        if number == 4 and does in ('abort', 'fail', 'end'):
            if does == 'abort':
                event.assoc.abort()
            if does == 'fail':
                yield 0xC001, None
            return
        yield 0xFF00, row(number)

def move(event):
    if does == 'unknown':
        yield None, None
        return
    yield ('127.0.0.1', 1)
    yield 2
    yield 0xFF00, None

ae = AE(ae_title='PACS')
ae.add_supported_context(Find)
if does != 'no-move':
    ae.add_supported_context(Move)
server = ae.start_server(('127.0.0.1', 0), block=False, evt_handlers=[(evt.EVT_C_FIND, find), (evt.EVT_C_MOVE, move)])
print(server.socket.getsockname()[1], flush=True)
sys.stdin.read()
server.shutdown()
";

async fn pynetdicom(does: &str) -> Option<(Child, SocketAddr)> {
    let importable = Command::new("python3").args(["-c", "import pynetdicom, pydicom"]).output().await;
    if !importable.is_ok_and(|output| output.status.success()) {
        println!("skipped: pynetdicom is not installed");
        return None;
    }
    let mut command = Command::new("python3");
    command.args(["-c", PYNETDICOM, does]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.kill_on_drop(true).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let port: u16 = lines.next_line().await.unwrap().unwrap().parse().unwrap();
    Some((child, ([127, 0, 0, 1], port).into()))
}

#[tokio::test]
async fn an_answer_without_an_end_is_cut_off() {
    let Some((_peer, address)) = pynetdicom("endless").await else { return };
    let query = Query::new(Level::Study, QueryCharset::IsoIr192);
    let mut seen = 0;
    let found = scu(address, "PACS").find(&query, 50, |_| seen += 1).await.unwrap();
    assert_eq!((seen, found.count, found.cut_off), (50, 50, true));
}

#[tokio::test]
async fn an_answer_that_breaks_off_or_fails_is_no_whole_answer() {
    for (does, said) in [("abort", ""), ("fail", "status C001")] {
        let Some((_peer, address)) = pynetdicom(does).await else { return };
        let query = Query::new(Level::Study, QueryCharset::IsoIr192);
        let mut seen = 0;
        let lost = scu(address, "PACS").find(&query, 50, |_| seen += 1).await.unwrap_err();
        assert!(seen <= 3 && lost.0.contains(said), "{does}: {lost}");
    }
    let Some((_peer, address)) = pynetdicom("end").await else { return };
    let query = Query::new(Level::Study, QueryCharset::IsoIr192);
    assert_eq!(scu(address, "PACS").find(&query, 50, |_| ()).await.unwrap().count, 3);
    let worklist = Query::new(Level::Worklist, QueryCharset::IsoIr192);
    let lost = scu(address, "PACS").find(&worklist, 50, |_| ()).await.unwrap_err();
    assert!(lost.0.contains("does not offer SOP class 1.2.840.10008.5.1.4.31"), "{lost}");
}

#[tokio::test]
async fn a_move_that_does_not_work_is_told_as_it_is() {
    let wanted = Wanted { study: "1.2.1".into(), series: None, sop: None };
    for (does, said) in [("unknown", "A801"), ("no-move", "does not offer")] {
        let Some((_peer, address)) = pynetdicom(does).await else { return };
        let lost = scu(address, "PACS").retrieve(&wanted, "BAIZE", |_| ()).await.unwrap_err();
        assert!(lost.0.contains(said), "{lost}");
    }
    // The peer cannot reach the receiver.
    let Some((_peer, address)) = pynetdicom("unreachable").await else { return };
    let said = scu(address, "PACS").retrieve(&wanted, "BAIZE", |_: Retrieval| ()).await;
    assert!(said.as_ref().map_or(true, |moved| !moved.is_complete()), "{said:?}");
}
