import test from 'ava';
import { parsePlace } from '../../pkg/system/index.ts';

test('a place is a registry or a folder', (t) => {
  t.deepEqual(parsePlace('zot:repo', '/here'), { kind: 'zot', root: '/here/repo' });
  t.deepEqual(parsePlace('[::1]:5000', '/'), { kind: 'registry', registry: '[::1]:5000', scheme: undefined });
  t.deepEqual(parsePlace('http://a:80', '/'), { kind: 'registry', registry: 'a:80', scheme: 'http' });
});

const refuses = test.macro({
  title: (_, text: string) => `no place to publish to: ${text}`,
  exec(t, text: string, why: string, shown = text) {
    t.throws(() => parsePlace(text, '/'), {
      code: 'usage',
      message: `cannot use "${shown}" as a repository: ${why}`,
    });
  },
});
const path = 'a path in a registry is no place: the images of targets are found beside it';
test(refuses, 'a:80/some/path', path);
test(refuses, 'http://a/path', path);
test(refuses, 'a:80/', path);
test(refuses, 'oci:folder', 'it is no registry and no folder');
test(refuses, 'zot:', 'it is no registry and no folder');
test(refuses, 'me:secret@a:80', 'it is no registry and no folder', '…@a:80');
test(refuses, 'http://me:secret@a:80', 'it is no registry and no folder', 'http://…@a:80');
