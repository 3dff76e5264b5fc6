import test from 'ava';
import { parsePin, renderPin } from '../../../pkg/system/live/pinned.ts';

const digest = `sha256:${'a'.repeat(64)}` as const;

test('a pin is a name and a digest', (t) => {
  const pin = parsePin(`machine/live@${digest}\n`);
  t.deepEqual(pin as object, { repository: 'machine/live', name: digest });
  t.is(renderPin(pin), `machine/live@${digest}\n`);
});

test('a tag is no pin', (t) => {
  t.throws(() => parsePin('machine/live:1'), {
    message: 'cannot use the live pin of this initrd: it names no digest',
  });
});
