-- Not even the shop's owner, and so no administrator, opens a sealed value without being made a commerce_pii_reader.
REVOKE ALL ON FUNCTION commerce.reveal(commerce.sealed, uuid, text, uuid), commerce.reveal_fields(commerce.sealed[], uuid, text, uuid), commerce.reveal_customer(uuid, text),
    commerce.my_profile(), commerce.open_provider_secret(commerce.sealed, uuid)
    FROM commerce_owner;
