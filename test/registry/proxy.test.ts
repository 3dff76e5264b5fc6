import test from 'ava';
import { proxyFor } from '../../pkg/registry/transport/proxy.ts';

const chosen = (url: string, environment: Record<string, string>): string | undefined => {
  const proxy = proxyFor(new URL(url), (name) => environment[name]);
  return (
    proxy && `${proxy.host}:${proxy.port}${proxy.authorization ? ` ${proxy.authorization.reveal()}` : ''}`
  );
};

const goes = test.macro({
  exec: (t, url: string, environment: Record<string, string>, expected: string | undefined) =>
    t.is(chosen(url, environment), expected),
  title: (_, url, environment, expected) =>
    `${url} goes ${expected === undefined ? 'straight' : `through ${expected}`} with ${JSON.stringify(environment)}`,
});
test(goes, 'https://r.example/v2/', {}, undefined);
test(goes, 'https://r.example/v2/', { https_proxy: 'http://p:3128' }, 'p:3128');
test(goes, 'https://r.example/v2/', { HTTPS_PROXY: 'p:3128' }, 'p:3128');
test(goes, 'https://r.example/v2/', { ALL_PROXY: 'http://p' }, 'p:80');
test(goes, 'http://r.example/v2/', { http_proxy: 'http://p:1' }, 'p:1');
test(goes, 'http://r.example/v2/', { HTTP_PROXY: 'http://evil:1' }, undefined);
test(goes, 'https://r.example/v2/', { https_proxy: '' }, undefined);
test(goes, 'https://127.0.0.1:5000/v2/', { https_proxy: 'http://p:1' }, undefined);
test(goes, 'https://[::1]:5000/v2/', { https_proxy: 'http://p:1' }, undefined);
test(goes, 'https://r.example/v2/', { https_proxy: 'http://p:1', no_proxy: 'other, .example' }, undefined);
test(goes, 'https://r.example/v2/', { https_proxy: 'http://p:1', NO_PROXY: 'r.example:444' }, 'p:1');
test(goes, 'https://r.example:444/', { https_proxy: 'http://p:1', NO_PROXY: 'r.example:444' }, undefined);
test(goes, 'https://notr.example/', { https_proxy: 'http://p:1', no_proxy: 'r.example' }, 'p:1');
test(goes, 'https://r.example/', { https_proxy: 'http://p:1', no_proxy: '*' }, undefined);
test(
  goes,
  'https://r.example/',
  { https_proxy: 'http://me:p%40ss@p:1' },
  `p:1 Basic ${Buffer.from('me:p@ss').toString('base64')}`,
);

test('a proxy of a kind we do not speak is refused, and a password in it is not told', (t) => {
  t.throws(() => chosen('https://r.example/', { https_proxy: 'socks5://me:secret@p:1' }), {
    message: 'cannot use the proxy socks5://p:1: only http:// is known',
  });
  t.throws(() => chosen('https://r.example/', { https_proxy: 'http://me:secret@:x' }), {
    message: 'cannot use the proxy of the environment: it is no URL',
  });
});
