use super::*;

fn table() -> Table {
    Table::anonymous(Geometry { workers: 3, capacity: 100, message_room: 8192, clients: 64 }).unwrap()
}

#[test]
fn slots_do_not_overlap() {
    let table = table();
    let message = |byte: u8| [byte; RESPONSE_MESSAGE_LEN];
    for index in 0..100_u32 {
        table.response(index).unwrap().set_body_len(264);
        table.write_response(index, &message(u8::try_from(index).unwrap()));
    }
    for worker in 0..3 {
        table.landing(worker).unwrap().set_state(SlotState::Received);
        table.write_landing_response(worker, &message(200));
    }
    let mut read = [0; RESPONSE_MESSAGE_LEN];
    for index in 0..100_u32 {
        assert_eq!(table.response(index).unwrap().state(), Some(SlotState::Armed));
        assert_eq!(table.read_response(index, &mut read), RESPONSE_MESSAGE_LEN);
        assert_eq!(read, message(u8::try_from(index).unwrap()));
    }
}

#[test]
fn there_is_nothing_behind_the_last_slot() {
    let table = table();
    assert!(table.landing(table.recall()).is_some());
    assert!(table.landing(4).is_none());
    assert!(table.response(100).is_none());
    assert!(table.client(64).is_none());
    assert!(!table.read_landed(4, &mut [0; 4]));
}

#[test]
fn a_table_for_4096_responses_stays_under_2_mib() {
    let offsets =
        offsets::Offsets::new(Geometry { workers: 2, capacity: 4096, message_room: 8192, clients: 16_384 }).unwrap();
    assert!(offsets.total_len() < 2 << 20, "{}", offsets.total_len());
}

#[test]
fn a_geometry_beyond_the_address_space_is_an_error() {
    assert!(Table::anonymous(Geometry { workers: usize::MAX, capacity: 1, message_room: 8192, clients: 64 }).is_err());
}

mod file {
    use super::super::*;
    use std::fs;
    use std::os::unix::fs::PermissionsExt;
    use std::path::PathBuf;

    const GEOMETRY: Geometry = Geometry { workers: 2, capacity: 3, message_room: 8192, clients: 4 };

    struct Place {
        _directory: tempfile::TempDir,
        path: PathBuf,
    }

    fn place() -> Place {
        let directory = tempfile::tempdir_in("/dev/shm").unwrap();
        let path = directory.path().join("table");
        Place { _directory: directory, path }
    }

    fn about() -> About {
        About { key: 7, msqid: 8, owner: 9, version: "1.2.3".into(), handler: "echo".into(), ..About::default() }
    }

    fn written() -> (Place, Vec<u8>) {
        let place = place();
        let table = Table::create(&place.path, GEOMETRY, &about()).unwrap();
        Counters::add(&table.counters().received);
        table.response(1).unwrap().set_client(77);
        table.client(3).unwrap().set(77, 1234);
        drop(table);
        let bytes = fs::read(&place.path).unwrap();
        (place, bytes)
    }

    #[test]
    fn what_one_process_writes_the_next_one_finds() {
        let (place, _) = written();
        for table in [Table::open_left(&place.path).unwrap().unwrap(), Table::read(&place.path).unwrap()] {
            assert_eq!(table.header().about(), about());
            assert_eq!(table.header().phase(), Some(Phase::Starting));
            assert_eq!(table.geometry(), GEOMETRY);
            assert_eq!(table.counted().received, 1);
            assert_eq!(table.response(1).unwrap().client(), 77);
            assert_eq!(table.client(3).unwrap().get(), Some((77, 1234)));
            assert_eq!(table.client(2).unwrap().get(), None);
        }
    }

    #[test]
    fn only_its_user_and_group_may_look_into_it() {
        let (place, _) = written();
        assert_eq!(fs::metadata(&place.path).unwrap().permissions().mode() & 0o777 & !0o640, 0);
    }

    #[test]
    fn without_a_file_there_is_nothing_left_and_a_second_one_is_not_made() {
        let place = place();
        assert!(Table::open_left(&place.path).unwrap().is_none());
        let _first = Table::create(&place.path, GEOMETRY, &about()).unwrap();
        assert!(Table::create(&place.path, GEOMETRY, &about()).is_err());
    }

    #[test]
    fn a_table_cut_short_or_of_another_program_version_or_boot_is_refused_with_the_reason() {
        let (place, good) = written();
        let changed = |at: usize| {
            let mut bytes = good.clone();
            bytes[at] ^= 1;
            bytes
        };
        let cases = [
            (Vec::new(), "not a table"),
            (good[..100].to_vec(), "not a table"),
            (good[..5000].to_vec(), "5000 bytes"),
            ([&good[..], &[0]].concat(), "its header asks for"),
            (changed(0), "not a table"),
            (changed(8), "msgqd 1.2.3"),
        ];
        for (bytes, reason) in cases {
            fs::write(&place.path, &bytes).unwrap();
            let errors = [Table::open_left(&place.path).map(drop), Table::read(&place.path).map(drop)];
            for error in errors {
                let error = error.unwrap_err().to_string();
                assert!(error.contains(reason), "{error}, where {reason} was expected");
            }
        }
        fs::write(&place.path, changed(16)).unwrap();
        let error = Table::open_left(&place.path).map(drop).unwrap_err().to_string();
        assert!(error.contains("before the machine was started"), "{error}");
    }

    #[test]
    fn random_bytes_in_a_table_are_read_without_harm() {
        let (place, good) = written();
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        for _ in 0..200 {
            let mut bytes = good.clone();
            for byte in bytes.iter_mut().skip(4096) {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                *byte = state.to_be_bytes()[0];
            }
            fs::write(&place.path, &bytes).unwrap();
            let table = Table::open_left(&place.path).unwrap().unwrap();
            let mut message = [0; RESPONSE_MESSAGE_LEN];
            for index in 0..GEOMETRY.capacity {
                assert!(table.read_response(index, &mut message) <= message.len());
            }
            for index in 0..=table.recall() {
                assert!(table.read_landing_response(index, &mut message) <= message.len());
                assert!(table.landed_len(index) <= 272);
            }
        }
    }
}

mod landing {
    use crate::layout::REQUEST_MTYPE;
    use crate::scratch::ScratchQueue;

    #[test]
    fn the_slot_alone_tells_of_a_message_and_its_length_until_it_is_finished() {
        let queue = ScratchQueue::new();
        let table = super::table();
        for len in [0, 1, 3, 4, 5, 100, 259, 260, 261, 264, 265, 272, 300, 8192] {
            assert_eq!(table.landed_mtype(1), 0);
            queue.try_send(REQUEST_MTYPE, &vec![b'x'; len]).unwrap();
            assert_eq!(table.receive(1, &queue, REQUEST_MTYPE).unwrap(), len);
            assert_eq!(table.landed_mtype(1), REQUEST_MTYPE);
            assert_eq!(table.landed_len(1), len.min(272));
            table.finish_landing(1);
        }
        assert_eq!(table.try_receive(1, &queue, REQUEST_MTYPE).unwrap(), None);
        assert_eq!(table.landed_mtype(1), 0);
    }

    #[test]
    fn a_message_received_elsewhere_leaves_the_same_trace() {
        let table = super::table();
        table.store_landed(0, 5, &[b'y'; 4000]);
        assert_eq!((table.landed_mtype(0), table.landed_len(0)), (5, 272));
        table.store_landed(0, 6, b"abc");
        assert_eq!((table.landed_mtype(0), table.landed_len(0)), (6, 3));
    }
}

#[test]
fn an_answer_beside_a_request_leaves_the_requests_length_alone() {
    let geometry = Geometry { workers: 1, capacity: 1, message_room: 8192, clients: 1 };
    let table = Table::anonymous(geometry).unwrap();
    let slot = table.landing(0).unwrap();
    slot.set_body_len(10);
    table.write_landing_response(0, &[1; 100]);
    assert_eq!(slot.body_len(), 10, "a server that dies before it says READY leaves a request of another length");
    let mut message = [0; RESPONSE_MESSAGE_LEN];
    assert_eq!(table.read_landing_response(0, &mut message), 100);
}
