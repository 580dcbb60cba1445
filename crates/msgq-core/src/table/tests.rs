use super::*;

fn table() -> Table {
    Table::anonymous(Geometry::plain(3, 100, 8192, 64)).unwrap()
}

#[test]
fn slots_do_not_overlap() {
    let table = table();
    let message = |byte: u8| [byte; 272];
    for index in 0..100_u32 {
        table.response(index).unwrap().set_body_len(264);
        table.write_response(index, &message(u8::try_from(index).unwrap()));
    }
    for worker in 0..3 {
        table.landing(worker).unwrap().set_state(SlotState::Received);
        table.write_landing_response(worker, &message(200));
    }
    let mut read = [0; 272];
    for index in 0..100_u32 {
        assert_eq!(table.response(index).unwrap().state(), Some(SlotState::Armed));
        assert_eq!(table.read_response(index, &mut read), 272);
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
fn long_slots_overlap_nothing_and_each_is_given_out_once() {
    let table = Table::anonymous(Geometry { long_slots: LONG_SLOTS, ..Geometry::plain(1, 4, 8192, 4) }).unwrap();
    let form = PartForm { offset: 4, part_len: 255, parts: LONGEST_ANSWER / 255 + 1, behind_text: None, least_len: 0 };
    let text = |index: u32| vec![u8::try_from(index).unwrap() + 1; LONGEST_ANSWER];
    let taken: Vec<Series> = (0..LONG_SLOTS).map(|index| table.store_long(&text(index), form).unwrap()).collect();
    assert_eq!(table.store_long(b"one more", form), None);
    for (index, series) in (0..).zip(&taken) {
        let mut message = [0; 272];
        assert_eq!(table.make_part(*series, None, &mut message, 272), 272);
        assert_eq!((&message[12..267], message[267]), (&text(index)[..255], 0));
        let (mut last, left) = (*series, LONGEST_ANSWER % 255);
        (0..LONGEST_ANSWER / 255).for_each(|_| last = last.next());
        assert_eq!(table.make_part(last, None, &mut message, 272), 272);
        assert_eq!((&message[12..12 + left], &message[12 + left..]), (&text(index)[..left], &[0; 260][left..]));
    }
    table.free_long(taken[7]);
    assert_eq!((table.long_slots_taken(), table.store_long(b"again", form)), (15, Some(taken[7])));
    // No slot names any of them.
    table.free_forgotten_long_slots();
    assert_eq!(table.long_slots_taken(), 0);
}

#[test]
fn a_step_of_a_series_is_one_number() {
    let series = Series::in_long_slot(3);
    assert_eq!(
        (series.long_slot(), series.part(), series.is_begun(), series.has_started()),
        (Some(3), 0, false, false)
    );
    let next = series.begun().next();
    assert_eq!((next.long_slot(), next.part(), next.is_begun(), next.has_started()), (Some(3), 1, false, true));
    assert_eq!(next.begun().moved_to(5), Series::in_long_slot(5).next().begun());
    assert_eq!((Series::WITHOUT_TEXT.long_slot(), Series::NONE.begun()), (None, Series::NONE));
}

#[test]
fn a_table_for_4096_responses_stays_under_2_mib() {
    let offsets = offsets::Offsets::new(Geometry::plain(2, 4096, 8192, 16_384)).unwrap();
    assert!(offsets.total_len() < 2 << 20, "{}", offsets.total_len());
}

#[test]
fn a_geometry_beyond_the_address_space_is_an_error() {
    assert!(Table::anonymous(Geometry::plain(usize::MAX, 1, 8192, 64)).is_err());
}

mod file {
    use super::super::*;
    use crate::trusted_file::TrustedUsers;
    use std::fs;
    use std::os::unix::fs::PermissionsExt;
    use std::path::PathBuf;

    const GEOMETRY: Geometry = Geometry::plain(2, 3, 8192, 4);

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
        for table in
            [Table::open_left(&place.path).unwrap().unwrap(), Table::read(&place.path, TrustedUsers::own()).unwrap()]
        {
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
            let errors =
                [Table::open_left(&place.path).map(drop), Table::read(&place.path, TrustedUsers::own()).map(drop)];
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
    fn the_first_64_bytes_mean_the_same_in_every_version() {
        let place = place();
        let about = About { ipc_namespace: 5, ..about() };
        let table = Table::create(&place.path, GEOMETRY, &about).unwrap();
        table.header().set_keeps_queue_on_failure(true);
        table.header().set_phase(Phase::Ended);
        table.header().set_nothing_left();
        drop(table);
        let bytes = fs::read(&place.path).unwrap();
        let number = |at: usize| i32::from_ne_bytes(bytes[at..at + 4].try_into().unwrap());
        assert_eq!(&bytes[..8], b"msgqdTBL");
        assert_eq!([32, 40, 44, 48, 52, 56].map(number), [5, 7, 8, 9, Phase::Ended as i32, 1]);
        assert_eq!(&bytes[60..64], b"none");
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
            let mut message = [0; 272];
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

#[test]
fn a_table_holds_something_while_one_slot_of_any_kind_does() {
    let table = table();
    assert!(table.holds_nothing());
    let slots = [table.landing(0), table.landing(table.recall()), table.response(1)].map(Option::unwrap);
    for slot in slots {
        slot.set_state(SlotState::Ready);
        assert!(!table.holds_nothing());
        slot.set_state(SlotState::Armed);
        assert!(table.holds_nothing());
    }
    table.store_landed(0, 5, b"abcd");
    assert!(!table.holds_nothing(), "a request that was just received");
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
    let geometry = Geometry::plain(1, 1, 8192, 1);
    let table = Table::anonymous(geometry).unwrap();
    let slot = table.landing(0).unwrap();
    slot.set_body_len(10);
    table.write_landing_response(0, &[1; 100]);
    assert_eq!(slot.body_len(), 10, "a server that dies before it says READY leaves a request of another length");
    let mut message = [0; 272];
    assert_eq!(table.read_landing_response(0, &mut message), 100);
}
