<?php
/**
 * Plugin Name: What can go wrong with a site, on demand.
 *
 * Writes each REST request into RUN/PREFIX.log, and obeys the rules in RUN/PREFIX.json, a list of
 * {method, route, do, times, ...}: method and route are patterns, `after` lets so many matches pass first.
 */
function igny8_rules_file() {
	return getenv( 'IGNY8_WORDPRESS_RUN' ) . '/' . $_SERVER['IGNY8_SITE'] . '.json';
}

function igny8_note( $line ) {
	file_put_contents( substr( igny8_rules_file(), 0, -4 ) . 'log', $line . "\n", FILE_APPEND | LOCK_EX );
}

/** Return the rule that this request meets, and count it down. */
function igny8_rule( $moment, $method, $route ) {
	$file = igny8_rules_file();
	if ( ! is_file( $file ) ) {
		return null;
	}
	$handle = fopen( $file, 'r+' );
	flock( $handle, LOCK_EX );
	$rules = json_decode( stream_get_contents( $handle ), true ) ?: array();
	$met = null;
	foreach ( $rules as &$rule ) {
		if ( $rule['moment'] !== $moment || $rule['times'] < 1 ) {
			continue;
		}
		if ( ! preg_match( '#^' . $rule['method'] . '$#', $method ) || ! preg_match( '#' . $rule['route'] . '#', $route ) ) {
			continue;
		}
		if ( $rule['after'] > 0 ) {
			--$rule['after'];
			continue;
		}
		--$rule['times'];
		$met = $rule;
		break;
	}
	unset( $rule );
	ftruncate( $handle, 0 );
	rewind( $handle );
	fwrite( $handle, json_encode( $rules ) );
	fflush( $handle );
	flock( $handle, LOCK_UN );
	return $met;
}

function igny8_obey( $rule ) {
	switch ( $rule['do'] ) {
		case 'answer':
			http_response_code( $rule['status'] );
			foreach ( $rule['headers'] as $name => $value ) {
				header( "$name: $value" );
			}
			echo $rule['body'];
			exit;
		case 'cut':
			// More is promised than is sent: to the client the connection breaks off.
			while ( ob_get_level() ) {
				ob_end_clean();
			}
			header( 'Content-Length: 100000' );
			echo '{';
			exit;
		case 'kill':
			posix_kill( (int) file_get_contents( $rule['pid_file'] ), 9 );
			break;
		case 'wait':
			// Until as many requests as asked for are here: a meeting point, not a nap.
			$meeting = substr( igny8_rules_file(), 0, -4 ) . 'meeting';
			file_put_contents( $meeting, 'x', FILE_APPEND | LOCK_EX );
			for ( $turn = 0; $turn < 2000 && strlen( file_get_contents( $meeting ) ) < $rule['others']; ++$turn ) {
				usleep( 5000 );
			}
			break;
	}
}

// What WordPress asks itself to fill in an answer comes after that: it is no request to the site.
$GLOBALS['igny8_is_answered'] = false;

add_filter(
	'rest_pre_dispatch',
	function ( $result, $server, $request ) {
		if ( $GLOBALS['igny8_is_answered'] ) {
			return $result;
		}
		igny8_note( $request->get_method() . ' ' . $request->get_route() );
		$rule = igny8_rule( 'before', $request->get_method(), $request->get_route() );
		if ( $rule ) {
			igny8_obey( $rule );
		}
		return $result;
	},
	10,
	3
);
add_filter(
	'rest_post_dispatch',
	function ( $response, $server, $request ) {
		if ( $GLOBALS['igny8_is_answered'] ) {
			return $response;
		}
		$GLOBALS['igny8_is_answered'] = true;
		$rule = igny8_rule( 'after', $request->get_method(), $request->get_route() );
		if ( $rule ) {
			igny8_obey( $rule );
		}
		return $response;
	},
	10,
	3
);
// A site whose SEO plugin lets its fields be written: the option says which.
add_action(
	'init',
	function () {
		foreach ( (array) get_option( 'igny8_meta', array() ) as $name ) {
			register_post_meta(
				'post',
				$name,
				array(
					'type'          => 'string',
					'single'        => true,
					'show_in_rest'  => true,
					'auth_callback' => '__return_true',
				)
			);
		}
	}
);
