import test from 'ava';
import { parseReference, renderReference } from '../../pkg/oci/index.ts';

const hex = 'a'.repeat(64);

const parses = test.macro({
  exec: (t, text: string, expected: object) => t.deepEqual<object, object>(parseReference(text), expected),
  title: (_, text) => `${text} is a reference`,
});
const registry = { kind: 'registry', registry: 'host:5000', repository: 'a/b', scheme: undefined } as const;
test(parses, 'host:5000/a/b:1', { ...registry, name: '1' });
test(parses, 'docker://host:5000/a/b:1', { ...registry, name: '1' });
test(parses, 'http://host:5000/a/b:1', { ...registry, name: '1', scheme: 'http' });
test(parses, `https://host:5000/a/b@sha256:${hex}`, { ...registry, name: `sha256:${hex}`, scheme: 'https' });
test(parses, `[::1]:5000/a/b:1@sha256:${hex}`, {
  ...registry,
  registry: '[::1]:5000',
  name: `sha256:${hex}`,
});
test(parses, 'oci:some/dir:tag', { kind: 'oci', folder: 'some/dir', name: 'tag' });
test(parses, 'oci:/media/USB STICK/dir:tag', { kind: 'oci', folder: '/media/USB STICK/dir', name: 'tag' });
test(parses, 'zot:my root:n:1', { kind: 'zot', root: 'my root', repository: 'n', name: '1' });
test(parses, 'zot:../root:machine/install:1.0.0', {
  kind: 'zot',
  root: '../root',
  repository: 'machine/install',
  name: '1.0.0',
});

const refuses = test.macro({
  exec: (t, text: string, why: string) => {
    const start = `cannot use ${JSON.stringify(text)} as a reference: `;
    t.throws(() => parseReference(text), { message: start + why });
  },
  title: (_, text) => `${JSON.stringify(text)} is refused`,
});
test(refuses, 'host/name', 'a tag or digest is missing');
test(refuses, 'name:1', 'it must begin with the registry, as in host:port/name:tag');
test(refuses, 'host/../x:1', '"../x" is no repository name');
test(refuses, 'host/Name:1', '"Name" is no repository name');
test(refuses, 'zot:root:../x:1', '"../x" is no repository name');
test(refuses, 'zot:root', 'the form is zot:ROOT:name:tag');
test(refuses, 'oci:dir', 'the form is oci:DIR:TAG');
test(refuses, 'host/a:1\n', 'it contains control characters');
test(refuses, 'zot:a\u001b[31m:n:1', 'it contains control characters');
test(refuses, 'host/a b:1', '"a b" is no repository name');
test(refuses, ' host/a:1', 'it must begin with the registry, as in host:port/name:tag');
test(refuses, 'oci:my dir:a b', 'the tag contains white space');
test(refuses, 'zot:my root:n:1 ', '"1 " is no tag');

test('a digest that is cut short is refused', (t) => {
  t.throws(() => parseReference('host/a@sha256:abc'), {
    message: 'cannot use "sha256:abc" as a digest: it must be sha256: and 64 lower-case hex digits',
  });
});

test('rendering gives the text that was parsed', (t) => {
  for (const text of [
    'oci:d:t',
    'oci:a b:t',
    'zot:r:n:1',
    `zot:r:n@sha256:${hex}`,
    'http://h:1/n:1',
    `h/n@sha256:${hex}`,
  ])
    t.is(renderReference(parseReference(text)), text);
});

test('a password before the host is refused and not repeated', (t) => {
  for (const [scheme, secret] of [
    ['', 'secret'],
    ['http://', 'se/cr@t'],
    ['docker://', 'se cret'],
  ])
    t.throws(() => parseReference(`${scheme}user:${secret}@host:5000/a:1`), {
      message: /^cannot use "(http:\/\/|docker:\/\/)?…@host:5000\/a:1" as a reference: /,
    });
});
