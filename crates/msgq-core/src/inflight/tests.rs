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
    let layout = Layout::new(Geometry { workers: 2, capacity: 4096, message_room: 8192, clients: 16_384 }).unwrap();
    assert!(layout.total_len() < 2 << 20, "{}", layout.total_len());
}

#[test]
fn a_geometry_beyond_the_address_space_is_an_error() {
    assert!(Table::anonymous(Geometry { workers: usize::MAX, capacity: 1, message_room: 8192, clients: 64 }).is_err());
}
