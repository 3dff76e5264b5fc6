import test from 'ava';
import { parsePin, renderPin, renderRoot } from '../../../pkg/system/live/pinned.ts';

const digest = `sha256:${'a'.repeat(64)}` as const;

test('a pin is a name and a digest', (t) => {
  const pin = parsePin(`machine/live@${digest}\n`);
  t.deepEqual(pin as object, { repository: 'machine/live', name: digest });
  t.is(renderPin(pin), `machine/live@${digest}\n`);
});

test('a pin may name the registry that has it, and so does the command line', (t) => {
  const text = `machine/live@${digest}\nhttps://registry.example:5000\n`;
  const pin = parsePin(text);
  t.is(pin.repo, 'https://registry.example:5000');
  t.is(renderPin(pin), text);
  t.is(renderRoot(pin), `root=soci:name=machine/live@${digest},repo=https://registry.example:5000`);
});

const noRegistry = test.macro((t, repo: string) => {
  t.throws(() => parsePin(`machine/live@${digest}\n${repo}\n`));
});
test('a folder is no registry', noRegistry, 'zot:/run/evil');
test('a path in a registry is none', noRegistry, 'https://registry.example/evil');
test('more lines are refused', noRegistry, 'https://registry.example\nhttps://other.example');

test('a tag is no pin', (t) => {
  t.throws(() => parsePin('machine/live:1'), {
    message: 'cannot use the live pin of this initrd: it names no digest',
  });
});
