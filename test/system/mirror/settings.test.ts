import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { parseMirror } from '../../../pkg/system/mirror/settings.ts';
import { mosctl } from '../../helpers/cli.ts';
import { temporaryFolder } from '../../helpers/folder.ts';

test('mirrors are kept in the order of adding, each once', async (t) => {
  const root = await temporaryFolder(t);
  const says = async (...words: string[]): Promise<string> => {
    const { exit, stdout, stderr } = await mosctl(root, 'mirror', ...words);
    return `${exit} ${stdout}${stderr}`;
  };
  const [one, two] = ['https://10.0.0.7:8444', 'http://[::1]:5000'];
  t.is(await says('ls'), '0 ');
  t.is(await says('add', one), `0 ${one}\n`);
  t.is(await says('add', two), `0 ${one}\n${two}\n`);
  t.is(await says('add', one), `0 ${one}\n${two}\n`);
  t.is(await says('remove', one), `0 ${two}\n`);
  t.is(await says('ls'), `0 ${two}\n`);
  t.regex(
    await says('remove', one),
    /^7 mosctl: cannot remove the mirror https:\/\/10\.0\.0\.7:8444: it is none/,
  );
  mkdirSync(join(root, 'config/mos'), { recursive: true });
  writeFileSync(join(root, 'config/mos/mirrors.json'), '["ftp://a"]');
  t.regex(await says('ls'), /cannot read .*mirrors\.json/);
});

test('a mirror is a scheme and a host, and no more', (t) => {
  t.deepEqual(parseMirror('https://a:1/'), { scheme: 'https', registry: 'a:1' });
  for (const text of [
    'a:1',
    'ftp://a',
    'https://a/b',
    'https://u@a',
    'https://',
    'https://a\n',
    'https:// a',
  ])
    t.throws(() => parseMirror(text), { code: 'usage' }, text);
});

test('a password before the host of a mirror is refused and not repeated', (t) => {
  t.throws(() => parseMirror('http://me:se/cret@a:80'), {
    message: 'cannot use "http://…@a:80" as a mirror',
  });
});
