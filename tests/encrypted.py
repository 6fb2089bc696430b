"""Parquet files with encrypted columns, and a key store in memory for them."""

import base64

import pyarrow as pa
import pyarrow.parquet as pq
import pyarrow.parquet.encryption as encryption


class Keys(encryption.KmsClient):
    """Keys as they are, only spelt otherwise."""

    def __init__(self, config):
        encryption.KmsClient.__init__(self)

    def wrap_key(self, key_bytes, master_key_identifier):
        return base64.b64encode(key_bytes)

    def unwrap_key(self, wrapped_key, master_key_identifier):
        return base64.b64decode(wrapped_key)


def write_encrypted(path, columns, secret, plaintext_footer=True):
    """A file of which the columns `secret` are encrypted; without a plain footer all of it is."""
    factory = encryption.CryptoFactory(Keys)
    config = encryption.EncryptionConfiguration(
        footer_key="footer", column_keys={"columns": secret}, plaintext_footer=plaintext_footer
    )
    properties = factory.file_encryption_properties(encryption.KmsConnectionConfig(), config)
    table = pa.table(columns)
    with pq.ParquetWriter(path, table.schema, encryption_properties=properties) as writer:
        writer.write_table(table)
