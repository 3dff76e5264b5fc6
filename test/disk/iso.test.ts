import test from 'ava';
import { parseIsoLabel } from '../../pkg/disk/index.ts';

function descriptor(label: string, type = 1, identifier = 'CD001'): Uint8Array {
  const bytes = Buffer.alloc(2048);
  bytes[0] = type;
  bytes.write(identifier, 1, 'latin1');
  bytes.write(label.padEnd(32), 40, 'latin1');
  return bytes;
}

test('a volume descriptor has a label', (t) => {
  t.is(parseIsoLabel(descriptor('OCI-BOOT')), 'OCI-BOOT');
});
test('another descriptor, another file system and a short read have none', (t) => {
  t.is(parseIsoLabel(descriptor('OCI-BOOT', 2)), undefined);
  t.is(parseIsoLabel(descriptor('OCI-BOOT', 1, 'CD002')), undefined);
  t.is(parseIsoLabel(descriptor('OCI-BOOT').subarray(0, 512)), undefined);
});
