// The same service as it is usually built: express, helmet, cors, and
// rate-limiter-flexible on PostgreSQL with its memory of who is blocked. It logs
// nothing, which is in its favour.

import cors from 'cors';
import express from 'express';
import helmet from 'helmet';
import pg from 'pg';
import { RateLimiterPostgres } from 'rate-limiter-flexible';

const { PORT, DATABASE_URL, POINTS, BODY, TRUST_PROXY } = process.env;
const points = Number(POINTS);
const WINDOW_S = 60;

const limiter = await new Promise((done, fail) => {
  const made = new RateLimiterPostgres({
    storeClient: new pg.Pool({ connectionString: DATABASE_URL, max: 10 }),
    tableName: 'health', keyPrefix: 'health', points, duration: WINDOW_S, inMemoryBlockOnConsumed: points,
  }, (error) => (error ? fail(error) : done(made)));
});

function tell(res, state) {
  const seconds = Math.ceil(state.msBeforeNext / 1000);
  res.set('RateLimit-Policy', `"health";q=${points};w=${WINDOW_S}`);
  res.set('RateLimit', `"health";r=${state.remainingPoints};t=${seconds}`);
  return seconds;
}

const app = express();
app.set('trust proxy', TRUST_PROXY || false);
app.set('etag', false);
app.use(helmet());
app.use(cors({ origin: [/^https:\/\/([a-z0-9-]+\.)*example\.org$/, 'https://app.example.com'] }));
app.use(async (req, res, next) => {
  try {
    tell(res, await limiter.consume(req.ip));
    next();
  } catch (state) {
    if (state instanceof Error) return next(state);
    res.set('Retry-After', String(tell(res, state)));
    return res.status(429).type('application/problem+json')
      .send('{"type":"/problems/rate_limited","title":"Too many requests","status":429}');
  }
});
const body = JSON.parse(BODY);
app.get('/api/health', (req, res) => res.set('Cache-Control', 'no-store').json(body));
const server = app.listen(Number(PORT), '127.0.0.1');
process.on('SIGTERM', () => {
  server.closeAllConnections();
  process.exit(0);
});
